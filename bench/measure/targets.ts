import { compareSamples } from '../report/compare/compare-reports.ts';
import type { Target } from '../report/report.ts';
import type { Measurement } from './experiment.ts';
import { pooledQuantile } from './latencies.ts';

/** The quantile over all windows of the arm together, over that of another: what tails are compared by, because a window is short for them. */
export function pooledRatio(windows: readonly Measurement[], arm: string, over: string, q: number): number {
  return pooledQuantile(windows, arm, q) / pooledQuantile(windows, over, q);
}

/** Where the 95 % interval of the ratio begins, from pairs of windows: at or below the bound, no cost above it is shown. The text says where it ends. */
export function atMostAtBest(
  text: string,
  samples: readonly number[],
  over: readonly number[],
  bound: number,
): Target {
  const ratios = samples.map((sample, i) => sample / over[i]!);
  const none = ratios.map(() => 1);
  const { interval } = compareSamples(
    { name: text, unit: '×', better: 'less', by: 'ratio' },
    none,
    ratios,
    1,
  );
  const ends = interval === undefined ? '' : ` (it ends at ${interval.high.toPrecision(3)})`;
  return { text: `${text}${ends}`, value: interval?.low ?? Number.NaN, bound, direction: 'at most' };
}
