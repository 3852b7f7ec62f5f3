/**
 * Whether a ratio got worse. The interval is that of `bench compare`: both sides' rounds are resampled. A change counts as real when the whole
 * interval lies beyond the tolerance, so a noisy machine makes the guard blind and not red.
 */
import { compareSamples } from '../report/compare/compare-reports.ts';
import type { Watched } from '../scenario.ts';

export type Verdict =
  /** The whole interval is beyond the tolerance. */
  | 'worse'
  /** The whole interval is within it, or better. */
  | 'holds'
  /** The interval contains the tolerance: more rounds would tell. */
  | 'unclear';

export interface Judgement {
  readonly verdict: Verdict;
  /** Now over kept, turned so that above 1 is worse; geometric means and the interval at 95 %. */
  readonly change: number;
  readonly low: number;
  readonly high: number;
  /** What is allowed: 1.15 at a tolerance of 0.15. */
  readonly allowed: number;
}

export function judge(
  kept: readonly number[],
  now: readonly number[],
  watched: Pick<Watched, 'metric' | 'worse' | 'tolerance'>,
  seed = 1,
): Judgement {
  const better = watched.worse === 'higher' ? 'less' : 'more';
  const metric = { name: watched.metric, unit: '×', better, by: 'ratio' } as const;
  const [before, after] = watched.worse === 'higher' ? [kept, now] : [now, kept];
  const { change, interval, why } = compareSamples(metric, before, after, seed);
  if (interval === undefined) throw new Error(`${watched.metric} can't be judged: ${why}`);
  const allowed = 1 + watched.tolerance;
  const verdict = interval.low > allowed ? 'worse' : interval.high <= allowed ? 'holds' : 'unclear';
  return { verdict, change, low: interval.low, high: interval.high, allowed };
}
