/**
 * How slow a replica is against what is usual for the method asked: 1 is the median. Relative, so that methods of different weight don't
 * blur each other, and a slow-down of all replicas changes no choice.
 *
 * A moving average of the last 32 tasks or 10 seconds, whichever is shorter. A single straggler must not scare everybody off (one in a
 * hundred tasks is one, anywhere), so a sample counts 10 at most. See docs/decisions/0013-replica-choice.md.
 */

const SMOOTHING = 1 / 32;
const TAU_MS = 10_000;
const MAX_SAMPLE = 10;
/** A task that was beaten after so long would have taken longer still: on a slow replica, about three times as long. */
const BEATEN = 3;
/** A failure counts as a task that took its whole time, or a replica that fails fast would attract everybody. */
const FAILURE = 100;
/** Below it, what is measured is the event loop. */
const FLOOR_MS = 1;
/** Tasks after which a replica is known. */
const KNOWN = 3;

export class ReplicaLatency {
  /** Tasks answered or failed since it could last be reached. */
  samples = 0;
  /** It isn't known, and one task is there to find out. */
  trying = false;
  #value = 1;
  #at = 0;

  get known(): boolean {
    return this.samples >= KNOWN;
  }

  /** Without news the average goes back to what is usual: a replica that was slow is tried again. */
  relative(now: number): number {
    const age = now - this.#at;
    if (age < 100 || this.#value === 1) return this.#value;
    return 1 + (this.#value - 1) * Math.exp(-age / TAU_MS);
  }

  answered(latencyMs: number, usualMs: number, now: number): void {
    this.#sample(usualMs === 0 ? 1 : Math.min(MAX_SAMPLE, relativeTo(usualMs, latencyMs)), now);
  }

  /** It was beaten by another replica after so long: nothing is known but that it takes longer. */
  beaten(elapsedMs: number, usualMs: number, now: number): void {
    const relative = usualMs === 0 ? 1 : Math.min(MAX_SAMPLE, BEATEN * relativeTo(usualMs, elapsedMs));
    this.trying = false;
    if (relative > this.relative(now)) this.#sample(relative, now);
  }

  failed(now: number): void {
    this.#sample(FAILURE, now);
  }

  /** The worker is another process, or so it has to be assumed. */
  forget(): void {
    this.samples = 0;
    this.trying = false;
    this.#value = 1;
  }

  #sample(relative: number, now: number): void {
    const age = now - this.#at;
    const weight = age < TAU_MS * SMOOTHING ? SMOOTHING : 1 - Math.exp(-age / TAU_MS);
    const value = this.relative(now);
    this.#value = value + (relative - value) * weight;
    this.#at = now;
    this.samples++;
    this.trying = false;
  }
}

export function relativeTo(usualMs: number, latencyMs: number): number {
  return (latencyMs + FLOOR_MS) / (usualMs + FLOOR_MS);
}
