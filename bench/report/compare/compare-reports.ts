/** Compares what a scenario measured twice, round by round. */
import { RegatherError } from '../../../shared/errors/errors.ts';
import { seededRandom } from '../../load/random.ts';
import type { Measured, Report } from '../report.ts';
import type { ComparedGroup, Comparison } from './compare.ts';
import { machinesOf } from './compare.ts';
import { stretchedInterval } from './interval.ts';
import { type ComparedMetric, type Finding, findingOf, unclear } from './verdict.ts';

/** Of fewer rounds there are too few ways to draw them again. */
export const leastRounds = 5;
const resamples = 2000;

/** Metrics of which more is better, by name or unit; of all others, less is. */
const moreIsBetter = /^(answers|goodput|coverage|efficiency)\b|\/s$/;

/**
 * Each arm's ratio to the baseline in the same round, B's against A's: what made the machine slower for a while made both slower. The baseline
 * itself, and a metric that it doesn't have, are compared as they are.
 */
export function compareReports(a: Report, b: Report, seed: number): Comparison {
  if (a.scenario !== b.scenario) {
    throw new RegatherError(
      'RESULT_INVALID',
      `Expected two reports of one scenario, got "${a.scenario}" and "${b.scenario}"`,
    );
  }
  const groups = new Map<string, Finding[]>();
  const missing: string[] = [];
  for (const before of a.measured) {
    const after = find(b, before.arm, before);
    if (after === undefined) {
      missing.push([before.arm, before.condition, before.metric].filter((part) => part !== '').join(', '));
      continue;
    }
    const relative = pairable(a, before) && pairable(b, after);
    const metric: ComparedMetric = {
      name: relative ? `${before.metric} ÷ ${a.baseline}` : before.metric,
      unit: relative ? '×' : before.unit,
      better: moreIsBetter.test(before.metric) || moreIsBetter.test(before.unit) ? 'more' : 'less',
      by: 'ratio',
    };
    const finding = relative
      ? compareSamples(metric, relativeSamples(a, before), relativeSamples(b, after), seed)
      : compareSamples(metric, before.samples, after.samples, seed);
    const name = [before.condition, before.arm].filter((part) => part !== '').join(', ');
    groups.set(name, [...(groups.get(name) ?? []), finding]);
  }
  const found: ComparedGroup[] = [...groups].map(([name, findings]) => ({ name, findings }));
  if (found.length === 0)
    throw new RegatherError('RESULT_INVALID', 'The two reports have no metric in common');
  const all = found.flatMap((group) => group.findings);
  if (all.every((finding) => finding.verdict === 'unclear')) {
    throw new RegatherError('RESULT_INVALID', `Nothing can be compared: ${all[0]!.why}`);
  }
  return {
    title: `${b.scenario} (${b.at}) against ${a.scenario} (${a.at})`,
    warnings: [
      ...[a, b]
        .filter((report) => report.smoke)
        .map(({ at }) => `VOID: the report of ${at} is of a smoke run.`),
      ...machinesOf(a, b),
      ...(missing.length === 0 ? [] : [`Only in the first: ${missing.join('; ')}.`]),
    ],
    groups: found,
  };
}

/** Rounds of one against rounds of the other, by the means of their logarithms. `after ÷ before` of positive samples. */
export function compareSamples(
  metric: ComparedMetric,
  before: readonly number[],
  after: readonly number[],
  seed: number,
): Finding {
  const fewest = Math.min(before.length, after.length);
  const [one, other] = [before, after].map(geometricMean) as [number, number];
  if (fewest < leastRounds)
    return unclear(metric, one, other, `${fewest} rounds; it takes ${leastRounds} on each side`);
  if (![...before, ...after].every((sample) => sample > 0))
    return unclear(metric, one, other, 'samples that are not above 0 have no ratio');
  const [logsBefore, logsAfter] = [before, after].map((samples) => samples.map(Math.log)) as [
    number[],
    number[],
  ];
  const random = seededRandom(seed);
  const drawnMean = (logs: readonly number[]): number => {
    let sum = 0;
    for (let i = 0; i < logs.length; i++) sum += logs[Math.floor(random() * logs.length)]!;
    return sum / logs.length;
  };
  const drawn = Float64Array.from({ length: resamples }, () => drawnMean(logsAfter) - drawnMean(logsBefore));
  const interval = stretchedInterval(Math.log(other / one), drawn, fewest, 1);
  return findingOf(metric, one, other, { low: Math.exp(interval.low), high: Math.exp(interval.high) });
}

function geometricMean(samples: readonly number[]): number {
  return Math.exp(samples.reduce((sum, sample) => sum + Math.log(sample), 0) / samples.length);
}

function find(report: Report, arm: string, like: Measured): Measured | undefined {
  return report.measured.find(
    (one) => one.arm === arm && one.condition === like.condition && one.metric === like.metric,
  );
}

/** Whether the baseline has as many rounds of the same, above 0. */
function pairable(report: Report, one: Measured): boolean {
  const base = find(report, report.baseline, one);
  return (
    base !== undefined &&
    one.arm !== report.baseline &&
    base.samples.length === one.samples.length &&
    base.samples.every((sample) => sample > 0)
  );
}

function relativeSamples(report: Report, one: Measured): number[] {
  const base = find(report, report.baseline, one)!;
  return one.samples.map((sample, round) => sample / base.samples[round]!);
}
