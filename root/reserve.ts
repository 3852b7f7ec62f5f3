/**
 * How long a method's answers take to merge, so that the root stops waiting early enough to hand them over by their deadlines: the p99
 * of the last ten seconds. Forgotten after that, or a slow spell that made every request fail at once would never be unlearned.
 */
const WINDOWS = 10;
const WINDOW_MS = 1000;
/** Bucket i has what is below LEAST_MS × STEP^i: from 0.1 ms to 4 s, 25 % each. */
const LEAST_MS = 0.1;
const STEP = 1.25;
const BUCKETS = 48;
const PER_LOG = 1 / Math.log(STEP);

export class MergeTime {
  /** ms; 0: nothing was merged. */
  p99Ms = 0;
  readonly #counts = new Uint32Array(WINDOWS * BUCKETS);
  readonly #sum = new Float64Array(BUCKETS);
  #window = 0;
  #samples = 0;
  #endsAt = Number.NEGATIVE_INFINITY;

  took(ms: number, now: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log(ms / LEAST_MS) * PER_LOG)));
    this.#counts[this.#window * BUCKETS + bucket]!++;
    this.#sum[bucket]!++;
    this.#samples++;
    // The first says what there is until there is more.
    if (this.p99Ms === 0) this.p99Ms = LEAST_MS * STEP ** bucket;
    this.settle(now);
  }

  /** Time passes, with or without answers. */
  settle(now: number): void {
    if (now < this.#endsAt) return;
    if (this.#endsAt === Number.NEGATIVE_INFINITY) this.#endsAt = now;
    for (let i = 0; i < WINDOWS && this.#endsAt <= now; i++) this.#nextWindow();
    if (this.#endsAt <= now) this.#endsAt = now + WINDOW_MS;
    this.p99Ms = this.#quantile(0.99);
  }

  /** The oldest window is forgotten. */
  #nextWindow(): void {
    this.#endsAt += WINDOW_MS;
    this.#window = (this.#window + 1) % WINDOWS;
    const from = this.#window * BUCKETS;
    for (let i = 0; i < BUCKETS; i++) {
      this.#sum[i]! -= this.#counts[from + i]!;
      this.#samples -= this.#counts[from + i]!;
      this.#counts[from + i] = 0;
    }
  }

  #quantile(q: number): number {
    if (this.#samples === 0) return 0;
    let left = this.#samples * (1 - q);
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
      left -= this.#sum[bucket]!;
      if (left < 0) return LEAST_MS * STEP ** bucket;
    }
    return 0;
  }
}

/**
 * The least reserves. Where a partial answer is allowed it is merged and sent after the wait; otherwise there is only a status to send then, and
 * that has to be before grpc-js's own timer, whose status says nothing of the shards.
 */
const PARTIAL_MS = 5;
const COMPLETE_MS = 2;

/** How long before its deadline an answer's wait ends: half of its time at most, so that merging never keeps all of it. */
export function reserveMs(merging: MergeTime, timeoutMs: number, mayBePartial: boolean, now: number): number {
  merging.settle(now);
  return Math.max(mayBePartial ? PARTIAL_MS : COMPLETE_MS, Math.min(merging.p99Ms, timeoutMs / 2));
}
