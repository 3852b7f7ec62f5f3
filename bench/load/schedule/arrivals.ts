/** When requests arrive: computed before the run from the rate alone, so that nothing that the target does can move them. */
import { RegatherError } from '../../../shared/errors/errors.ts';
import type { Random } from '../random.ts';
import { meanRate, type Stretch } from './stretches.ts';

/**
 * `poisson`: independent users, who don't know of each other; gaps are exponential. `constant`: equal gaps, which flatter a target: its queue
 * never sees two at once.
 */
export type ArrivalKind = 'poisson' | 'constant';

/** A run has at most so many: their times alone take 160 MB. */
export const MAX_ARRIVALS = 20_000_000;

/** On average. Throws USAGE for a schedule that is too long. */
export function expectedArrivals(stretches: readonly Stretch[]): number {
  const expected = stretches.reduce((sum, one) => sum + (meanRate(one) * one.durationMs) / 1000, 0);
  if (expected <= MAX_ARRIVALS) return expected;
  throw new RegatherError(
    'USAGE',
    `Expected a run of at most ${MAX_ARRIVALS} requests, got a schedule of ${Math.round(expected)}`,
  );
}

/**
 * Ascending times in ms; the first stretch begins at `startMs`. A Poisson process of a changing rate is one of rate 1 on the axis of the
 * cumulative rate (Lewis and Shedler 1979, "time-scale transformation"); constant arrivals are at its halves: 0.5, 1.5, 2.5 ….
 */
export function arrivalTimes(
  stretches: readonly Stretch[],
  startMs: number,
  kind: ArrivalKind,
  random: Random,
): Float64Array {
  let times = new Float64Array(Math.ceil(expectedArrivals(stretches) * 1.1) + 64);
  let count = 0;
  const gap = kind === 'constant' ? () => 1 : () => -Math.log(1 - random());
  /** The next arrival, on the axis of the cumulative rate within the stretch. */
  let next = kind === 'constant' ? 0.5 : gap();
  let stretchStart = startMs;
  for (const stretch of stretches) {
    const { durationMs } = stretch;
    const from = stretch.fromPerSecond / 1000;
    const slope = (stretch.toPerSecond / 1000 - from) / durationMs;
    const area = (meanRate(stretch) / 1000) * durationMs;
    for (; next < area; next += gap()) {
      // Of from·t + slope·t²/2 = next the root that stays exact where from or slope is 0.
      const t = (2 * next) / (from + Math.sqrt(from * from + 2 * slope * next));
      if (count === times.length) {
        const larger = new Float64Array(count * 2);
        larger.set(times);
        times = larger;
      }
      times[count++] = stretchStart + Math.min(t, durationMs);
    }
    next -= area;
    stretchStart += durationMs;
  }
  return times.slice(0, count);
}
