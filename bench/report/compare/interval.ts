/** A confidence interval for a ratio, from what a bootstrap gave. docs/decisions/0015 has the choice and its measured coverage. */
import { tQuantile975 } from './student.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Of a two-sided interval, which this module gives everywhere. */
export const confidence = 0.95;

/**
 * The percentile interval of bootstrapped logarithms, its distances from the estimate stretched for what few independent pieces hide: by
 * √(m/(m − 1)), because a resample varies less than the data it was drawn from, and by Student's t over the normal quantile.
 * (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015, section 5: narrowness bias.)
 *
 * `pieces`: how many independent pieces of data are behind the estimate, on the poorer side. `hidden`: the true variance over that of the
 * resamples, where that is known (1: they don't underrate it).
 */
export function stretchedInterval(
  estimate: number,
  resampled: Float64Array,
  pieces: number,
  hidden: number,
): { readonly low: number; readonly high: number } {
  const sorted = resampled.toSorted();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  const stretch = Math.sqrt((hidden * pieces) / (pieces - 1)) * (tQuantile975(pieces - 1) / 1.96);
  return {
    low: estimate + stretch * Math.min(0, at((1 - confidence) / 2) - estimate),
    high: estimate + stretch * Math.max(0, at((1 + confidence) / 2) - estimate),
  };
}
