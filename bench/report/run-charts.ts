/** Which pictures the runs of a report give: those for which they hold the figures. */
import type { Block, LoadRun } from '../load/run.ts';
import { addHistograms, distributionOfHistogram } from './histogram.ts';
import type { Chart } from './picture/chart.ts';
import { type CoverageSeries, coverageAgainstDeadline } from './picture/coverage.ts';
import { type DistributionSeries, percentileSpectrum, tailPicture } from './picture/curves.ts';
import { goodputPicture, latencyAgainstLoad, type Step, type StepsSeries } from './picture/load.ts';
import { type Moment, timeline } from './picture/timeline.ts';
import { perSecond, quantiles, summarize } from './summary.ts';

/** A run with the name that it has in pictures and files: unique in its report. */
export interface NamedRun {
  readonly name: string;
  readonly run: LoadRun;
}

export function named(runs: readonly LoadRun[]): NamedRun[] {
  const seen = new Map<string, number>();
  return runs.map((run) => {
    const nth = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, nth);
    return { name: nth === 1 ? run.name : `${run.name} (${nth})`, run };
  });
}

export function chartsOf(runs: readonly LoadRun[]): Chart[] {
  const all = named(runs);
  const distributions = distributionsOf(all);
  const charts: Chart[] = [];
  if (distributions.length > 0) charts.push(percentileSpectrum(distributions), tailPicture(distributions));
  const steps = stepsOf(all);
  if (steps.length > 0) charts.push(latencyAgainstLoad(steps, Object.keys(quantiles)), goodputPicture(steps));
  const coverage = coverageOf(runs);
  if (coverage.length > 0) charts.push(coverageAgainstDeadline(coverage));
  for (const [i, { name, run }] of all.entries()) {
    if (run.blocks.length < 2) continue;
    charts.push(
      timelineOf(run, all.length === 1 ? {} : { name: `timeline-${i + 1}`, title: `Timeline of ${name}` }),
    );
  }
  return charts;
}

/** The phases of a run by itself, because steps of load mixed up are no distribution of anything; several runs as a whole. */
function distributionsOf(runs: readonly NamedRun[]): DistributionSeries[] {
  const only = runs.length === 1 ? runs[0]!.run : undefined;
  const parts =
    only === undefined || only.phases.length === 1
      ? runs.map(({ name, run }) => ({ name, blocks: run.blocks }))
      : spreadOut(only.phases, 6).map((phase) => ({
          name: phase.name,
          blocks: only.blocks.filter((block) => only.phases[block.phase] === phase),
        }));
  return parts.flatMap(({ name, blocks }) => {
    const histogram = addHistograms(blocks.map((block) => block.latency));
    const distribution = distributionOfHistogram(histogram);
    return distribution === undefined ? [] : [{ name, distribution, count: histogram!.totalCount }];
  });
}

/** A line for each name: runs of one name at several rates belong together as much as the steps of one run. */
function stepsOf(runs: readonly NamedRun[]): StepsSeries[] {
  const byName = Map.groupBy(
    runs.filter(({ run }) => run.loop === 'open'),
    ({ run }) => run.name,
  );
  return [...byName].flatMap(([name, ofName]) => {
    const steps = ofName.flatMap(({ run }) => stepsOfRun(run));
    const rates = steps.map((step) => step.askedPerSecond);
    return Math.max(...rates) > 1.2 * Math.min(...rates) ? [{ name, steps }] : [];
  });
}

/** What was asked for says whether there are several rates; what came of it by chance is what answers are held against. */
interface AskedStep extends Step {
  readonly askedPerSecond: number;
}

function stepsOfRun(run: LoadRun): AskedStep[] {
  return run.phases.flatMap((phase, i) => {
    const blocks = run.blocks.filter((block) => block.phase === i);
    if (blocks.length === 0) return [];
    const parts = isRamp(blocks) ? inParts(blocks, 10) : [blocks];
    return parts.map((part): AskedStep => {
      const { okPerSecond, offeredPerSecond, latencyMs } = summarize(part);
      return {
        askedPerSecond: parts.length === 1 ? phase.offeredPerSecond : offeredPerSecond,
        offeredPerSecond,
        goodputPerSecond: okPerSecond,
        latencyMs: { ...latencyMs },
      };
    });
  });
}

/** Whether the scheduled rate changes through it, by more than chance would have it: five deviations of a Poisson count. */
function isRamp(blocks: readonly Block[]): boolean {
  if (blocks.length < 6) return false;
  const third = Math.floor(blocks.length / 3);
  const count = (part: readonly Block[]): number => part.reduce((sum, block) => sum + block.scheduled, 0);
  const first = count(blocks.slice(0, third));
  const last = count(blocks.slice(-third));
  return Math.abs(last - first) > Math.max(0.3 * Math.min(first, last), 5 * Math.sqrt(first + last));
}

function inParts(blocks: readonly Block[], most: number): Block[][] {
  const count = Math.min(most, blocks.length);
  return Array.from({ length: count }, (_, i) =>
    blocks.slice(Math.floor((i * blocks.length) / count), Math.floor(((i + 1) * blocks.length) / count)),
  );
}

function coverageOf(runs: readonly LoadRun[]): CoverageSeries[] {
  return [...Map.groupBy(runs, (run) => run.name)].flatMap(([name, ofName]) => {
    const points = ofName.flatMap((run) => {
      const deadlineMs = run.options['deadline ms'];
      const { coverage } = summarize(run.blocks);
      return typeof deadlineMs === 'number' && coverage !== undefined ? [{ deadlineMs, coverage }] : [];
    });
    return new Set(points.map((point) => point.deadlineMs)).size > 1 ? [{ name, points }] : [];
  });
}

function timelineOf(run: LoadRun, options: { readonly name?: string; readonly title?: string }): Chart {
  const end = run.blocks.reduce((latest, block) => Math.max(latest, block.startMs + block.durationMs), 0);
  return timeline(
    run.blocks.map((block) => momentOf([block])),
    end / 1000,
    run.faults.map((fault) => ({ label: fault.label, from: fault.startMs / 1000, to: fault.endMs / 1000 })),
    options,
  );
}

/** Blocks of the same stretch of time, of one run or of several. */
export function momentOf(blocks: readonly Block[]): Moment {
  const { latencyMs, coverage, okPerSecond, offeredPerSecond, errors, dropped, unfinished, durationMs } =
    summarize(blocks);
  const first = blocks[0]!;
  return {
    atSeconds: (first.startMs + first.durationMs / 2) / 1000,
    offeredPerSecond,
    okPerSecond,
    ...(latencyMs === undefined ? {} : { p50Ms: latencyMs.p50, p99Ms: latencyMs.p99 }),
    errorsPerSecond: Object.fromEntries(
      Object.entries({ ...errors, dropped, unfinished }).flatMap(([status, count]) =>
        count === 0 ? [] : [[status, perSecond(count, durationMs)]],
      ),
    ),
    ...(coverage === undefined ? {} : { coverage }),
  };
}

/** At most so many, first and last among them, equally far apart. */
function spreadOut<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))]!);
}
