/**
 * How slow a replica is against what is usual for the method asked: 1 is the median. Relative, so that methods of different weight don't
 * blur each other, and a slow-down of all replicas changes no choice.
 *
 * A moving average of the last 32 tasks or 10 seconds, whichever is shorter. A single straggler must not scare everybody off (one in a
 * hundred tasks is one, anywhere), so a sample counts 10 at most. What is avoided and of which nothing is heard is tried again after a while, as a
 * breaker would; and how a probe ends counts wholly. See docs/decisions/0013-replica-choice.md.
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
/** From here on it is avoided, next to one that isn't busy. */
const AVOIDED = 2;
/** Without news for so long, one that is avoided isn't known any more, and is tried again: then after twice as long, four times … */
const FIRST_QUIET_MS = 1_000;
const MAX_QUIET_MS = 30_000;

export class ReplicaLatency {
  /** Tasks answered or failed since it could last be reached. */
  samples = 0;
  /** It isn't known, and one task is there to find out. */
  trying = false;
  #value = 1;
  #at = 0;
  #quietMs = FIRST_QUIET_MS;
  #triedAt = Number.NEGATIVE_INFINITY;
  /** A try came to nothing: the next one isn't before this. */
  #notBefore = 0;

  known(now: number): boolean {
    return this.samples >= KNOWN && !this.#isDue(now);
  }

  /** It isn't known any more, since it is avoided and nothing was heard of it, or is about to be known again. Such tries are rare enough to be made at once. */
  isTriedAgain(now: number): boolean {
    if (now < this.#notBefore) return false;
    return this.samples >= KNOWN ? this.#isDue(now) : Number.isFinite(this.#triedAt);
  }

  /** Without news the average goes back to what is usual: a replica that was slow is tried again. */
  relative(now: number): number {
    const age = now - this.#at;
    if (age < 100 || this.#value === 1) return this.#value;
    return 1 + (this.#value - 1) * Math.exp(-age / TAU_MS);
  }

  /** `probe`: it was asked to find out how it is now. */
  answered(latencyMs: number, usualMs: number, now: number, probe = false): void {
    const relative = usualMs === 0 ? 1 : Math.min(MAX_SAMPLE, relativeTo(usualMs, latencyMs));
    if (probe) {
      if (this.#isDue(now)) {
        this.#tried(now);
        if (relative < AVOIDED) this.samples = 0;
      }
      this.#is(relative, now);
    }
    this.#sample(relative, now);
  }

  /** It was beaten by another replica after so long: nothing is known but that it takes longer. */
  beaten(elapsedMs: number, usualMs: number, now: number): void {
    const relative = usualMs === 0 ? 1 : Math.min(MAX_SAMPLE, BEATEN * relativeTo(usualMs, elapsedMs));
    this.trying = false;
    if (this.#isDue(now)) {
      this.#tried(now);
      this.#is(Math.max(relative, this.relative(now)), now);
    } else if (relative > this.relative(now)) this.#sample(relative, now);
  }

  failed(now: number): void {
    const onTrial = !this.known(now);
    if (this.#isDue(now)) this.#tried(now);
    if (onTrial) {
      this.samples = KNOWN;
      this.#is(FAILURE, now);
    }
    this.#sample(FAILURE, now);
  }

  /** What it was tried with has ended and told nothing of its latency: it works, or it can't be told (turned away, the client left). */
  tryEnded(works: boolean, now: number): void {
    this.trying = false;
    if (works) this.answered(0, 0, now, true);
    else if (this.isTriedAgain(now)) {
      this.#tried(now);
      this.#notBefore = now + this.#quietMs;
    }
  }

  /** The worker is another process, or so it has to be assumed. */
  forget(): void {
    this.samples = 0;
    this.trying = false;
    this.#value = 1;
    this.#quietMs = FIRST_QUIET_MS;
    this.#triedAt = Number.NEGATIVE_INFINITY;
    this.#notBefore = 0;
  }

  #isDue(now: number): boolean {
    return now >= this.#notBefore && now - this.#at >= this.#quiet(now) && this.relative(now) >= AVOIDED;
  }

  /** How long it is left alone: after a long time without a try, as if there had been none. */
  #quiet(now: number): number {
    return now - this.#triedAt > TAU_MS + 4 * this.#quietMs ? FIRST_QUIET_MS : this.#quietMs;
  }

  /** The next try, if it is avoided again, comes later. */
  #tried(now: number): void {
    this.#quietMs = Math.min(MAX_QUIET_MS, 2 * this.#quiet(now));
    this.#triedAt = now;
  }

  /** Whatever it was before. */
  #is(relative: number, now: number): void {
    this.#value = relative;
    this.#at = now;
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
