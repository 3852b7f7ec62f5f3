/**
 * The regression guard: short forms of the scenarios that have something to watch, against the kept ratios. What stays unclear is measured
 * for more rounds, as many as are said here beforehand, and all rounds count: nothing is measured again because it was red.
 */
import { readMachine } from '../report/machine.ts';
import type { Measured } from '../report/report.ts';
import { type RunOptions, type Scenario, UsageError, type Watched } from '../scenario.ts';
import { type Baseline, type KeptRatio, keptOf } from './baseline.ts';
import { type Judgement, judge } from './judge.ts';

export interface Form {
  /** Rounds of the first stage, and of each further one while something is unclear. */
  readonly stages: readonly number[];
  readonly seconds: number;
  /** On each tolerance; the smoke form finds only what is much worse. */
  readonly slack: number;
}

/** About three minutes. */
export const shortForm: Form = { stages: [6, 6, 12], seconds: 1, slack: 1 };
/** Windows too short for figures: a ratio has to be three times the kept one to be told. */
export const smokeForm: Form = { stages: [5], seconds: 0.2, slack: 2 };

export interface Checked {
  readonly scenario: string;
  readonly watched: Watched;
  readonly judgement: Judgement;
  readonly rounds: number;
}

export type Runs = Pick<RunOptions, 'progress' | 'burnUs'>;

/** Throws if the baseline lacks one of the ratios. */
export async function check(
  scenarios: readonly Scenario[],
  baseline: Baseline,
  form: Form,
  options: Runs,
): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const scenario of scenarios) {
    const watched = scenario.guard ?? [];
    if (watched.length === 0) continue;
    const kept = watched.map((one) => {
      const found = keptOf(baseline, scenario.name, one);
      if (found === undefined)
        throw new UsageError(`The baseline lacks ${describe(scenario.name, one)}; see check --update`);
      return found;
    });
    const ratios: number[][] = watched.map(() => []);
    let judgements: Judgement[] = [];
    for (const rounds of form.stages) {
      const measured = await ratiosOf(scenario, watched, rounds, form, options);
      for (const [i, some] of measured.entries()) ratios[i]!.push(...some);
      judgements = watched.map((one, i) =>
        judge(kept[i]!.ratios, ratios[i]!, { ...one, tolerance: one.tolerance + form.slack - 1 }),
      );
      if (judgements.every(({ verdict }) => verdict !== 'unclear')) break;
    }
    for (const [i, one] of watched.entries()) {
      checked.push({
        scenario: scenario.name,
        watched: one,
        judgement: judgements[i]!,
        rounds: ratios[i]!.length,
      });
    }
  }
  return checked;
}

/** Measures what `check` compares with: as many rounds as its stages have together. */
export async function measureBaseline(
  scenarios: readonly Scenario[],
  form: Form,
  options: Runs,
): Promise<Baseline> {
  const machine = readMachine();
  const ratios: KeptRatio[] = [];
  for (const scenario of scenarios) {
    const watched = scenario.guard ?? [];
    if (watched.length === 0) continue;
    const rounds = form.stages.reduce((sum, stage) => sum + stage, 0);
    const measured = await ratiosOf(scenario, watched, rounds, form, options);
    for (const [i, { metric, condition, arm, over }] of watched.entries()) {
      ratios.push({ scenario: scenario.name, metric, condition, arm, over, ratios: measured[i]! });
    }
  }
  return { version: 1, machine, at: new Date().toISOString(), ratios };
}

/** Per watched ratio, one for each round: what a moment did to the machine, it did to both arms of the round. */
async function ratiosOf(
  scenario: Scenario,
  watched: readonly Watched[],
  rounds: number,
  { seconds }: Form,
  options: Runs,
): Promise<number[][]> {
  const { measured } = await scenario.run({
    ...options,
    smoke: false,
    rounds,
    seconds,
    arms: [...new Set(watched.flatMap(({ arm, over }) => [arm, over]))],
    conditions: [...new Set(watched.map(({ condition }) => condition))],
    progress: (line) => options.progress(`${scenario.name}: ${line}`),
  });
  return watched.map((one) => {
    const over = samplesOf(measured, one, one.over);
    return samplesOf(measured, one, one.arm).map((sample, round) => sample / over[round]!);
  });
}

function samplesOf(measured: readonly Measured[], watched: Watched, arm: string): readonly number[] {
  const found = measured.find(
    (one) => one.arm === arm && one.metric === watched.metric && one.condition === watched.condition,
  );
  if (found === undefined) throw new Error(`${arm} has no ${watched.metric} (${watched.condition})`);
  return found.samples;
}

export function describe(scenario: string, { metric, condition, arm, over }: Watched): string {
  const where = condition === '' ? '' : `, ${condition}`;
  return `${scenario}: ${metric} of ${arm} against ${over}${where}`;
}
