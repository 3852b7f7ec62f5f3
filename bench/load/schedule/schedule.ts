/**
 * What is sent when, known before the first request is. The axis is ms from the start of the measured part; what comes before 0 warms up and
 * isn't recorded.
 */
import { seededRandom, seedOf } from '../random.ts';
import type { Phase } from '../run.ts';
import { type ArrivalKind, arrivalTimes } from './arrivals.ts';
import { constantRate, meanRate, type Stretch } from './stretches.ts';

export interface Schedule {
  readonly phases: readonly Phase[];
  /** End of the last phase. */
  readonly durationMs: number;
  /** Ascending. */
  readonly times: Float64Array;
  /** How many of them are warm-up. */
  readonly warmUpCount: number;
}

export interface RateOptions {
  readonly stretches: readonly Stretch[];
  readonly arrivals: ArrivalKind;
  readonly seed: number;
  readonly warmUpMs: number;
  /** At most so many measured requests; the run ends when the next one would come. */
  readonly count?: number;
}

export function scheduleOf({ stretches, arrivals, seed, warmUpMs, count }: RateOptions): Schedule {
  const measured = arrivalTimes(stretches, 0, arrivals, seededRandom(seedOf(seed, 0)));
  const total = stretches.reduce((sum, one) => sum + one.durationMs, 0);
  const cut = count !== undefined && count < measured.length;
  const durationMs = cut ? measured[count]! : total;
  const times = cut ? measured.subarray(0, count) : measured;
  // A ramp from 0 warms up at its mean.
  const first = stretches[0]!;
  const rate = first.fromPerSecond === 0 ? meanRate(first) : first.fromPerSecond;
  return withWarmUp(
    cutPhases(phasesOf(stretches), durationMs),
    durationMs,
    times,
    rate,
    arrivals,
    seed,
    warmUpMs,
  );
}

export interface ReplayOptions {
  /** When each request of the log was sent, ms, ascending. The first one is sent at once. */
  readonly atMs: ArrayLike<number>;
  /** 2: twice as fast. */
  readonly speed: number;
  readonly seed: number;
  readonly warmUpMs: number;
}

export function replaySchedule({ atMs, speed, seed, warmUpMs }: ReplayOptions): Schedule {
  const first = atMs[0] ?? 0;
  const times = Float64Array.from(atMs, (at) => (at - first) / speed);
  const last = times[times.length - 1] ?? 0;
  // The last request has a gap after it like the others.
  const durationMs = times.length > 1 && last > 0 ? (last * times.length) / (times.length - 1) : last + 1000;
  const perSecond = (times.length * 1000) / durationMs;
  const name = speed === 1 ? 'replay' : `replay × ${speed}`;
  const phase = { name, startMs: 0, durationMs, offeredPerSecond: perSecond };
  return withWarmUp([phase], durationMs, times, perSecond, 'poisson', seed, warmUpMs);
}

function withWarmUp(
  phases: readonly Phase[],
  durationMs: number,
  measured: Float64Array,
  perSecond: number,
  arrivals: ArrivalKind,
  seed: number,
  warmUpMs: number,
): Schedule {
  const warmUp =
    warmUpMs === 0
      ? new Float64Array(0)
      : arrivalTimes([constantRate(perSecond, warmUpMs)], -warmUpMs, arrivals, seededRandom(seedOf(seed, 1)));
  const times = new Float64Array(warmUp.length + measured.length);
  times.set(warmUp);
  times.set(measured, warmUp.length);
  return { phases, durationMs, times, warmUpCount: warmUp.length };
}

/** Names that come again get a number, so that they are unique. */
function phasesOf(stretches: readonly Stretch[]): Phase[] {
  const seen = new Map<string, number>();
  let startMs = 0;
  return stretches.map((stretch) => {
    const nth = (seen.get(stretch.name) ?? 0) + 1;
    seen.set(stretch.name, nth);
    const { durationMs } = stretch;
    const name = nth === 1 ? stretch.name : `${stretch.name} (${nth})`;
    const phase = { name, startMs, durationMs, offeredPerSecond: meanRate(stretch) };
    startMs += durationMs;
    return phase;
  });
}

/** Those that begin before `endMs`, the last one as long as it got. Its rate stays what was asked for. A run that ended in its warm-up has its first one, of no length. */
export function cutPhases(phases: readonly Phase[], endMs: number): Phase[] {
  return phases
    .filter(({ startMs }, i) => startMs < endMs || i === 0)
    .map((phase) => ({ ...phase, durationMs: Math.min(phase.durationMs, endMs - phase.startMs) }));
}
