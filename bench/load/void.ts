/** Whether a run's figures count. It says itself when they don't: a load test that couldn't send its load has measured itself. */
import type { Block } from './run.ts';

/** A request that was sent later than this was part of another load than the one asked for. */
export const MAX_LATENESS_P99_MS = 2;
/** A generator this busy reads answers late, and its own delays are in the latencies. */
export const MAX_BUSY = 0.9;

export interface VoidFacts {
  readonly blocks: readonly Pick<Block, 'scheduled' | 'dropped' | 'ok'>[];
  /** NaN in a closed loop and where nothing was sent. */
  readonly latenessP99Ms: number;
  /** Share of time that each generator's event loop was busy. */
  readonly busy: readonly number[];
  readonly maxInFlight: number;
  /** What went wrong with generators themselves. */
  readonly failures: readonly string[];
}

/** A sentence for each reason; none: the figures count. */
export function voidReasons(facts: VoidFacts): string[] {
  const { blocks, latenessP99Ms, busy, maxInFlight, failures } = facts;
  const reasons = [...failures];
  const sum = (key: 'scheduled' | 'dropped' | 'ok'): number =>
    blocks.reduce((total, one) => total + one[key], 0);
  const scheduled = sum('scheduled');
  const dropped = sum('dropped');
  // There is nothing then that could have been late or answered.
  if (scheduled === 0) return [...reasons, 'No request was sent.'];
  if (sum('ok') === 0) reasons.push('No request was answered with status OK.');
  if (dropped > 0) {
    const share = ((100 * dropped) / scheduled).toFixed(1);
    reasons.push(
      `${dropped} of ${scheduled} requests (${share} %) were not sent: ${maxInFlight} were in flight already, or they were a second late.`,
    );
  }
  if (latenessP99Ms > MAX_LATENESS_P99_MS) {
    reasons.push(
      `Requests were sent late: ${latenessP99Ms.toFixed(1)} ms at p99, above ${MAX_LATENESS_P99_MS} ms; the machine can't send this rate with so many processes.`,
    );
  }
  const busiest = Math.max(0, ...busy);
  if (busiest > MAX_BUSY) {
    reasons.push(
      `The generator was the bottleneck: busy ${Math.round(busiest * 100)} % of the time, above ${MAX_BUSY * 100} %; use more processes or a lower rate.`,
    );
  }
  return reasons;
}
