/**
 * The latency of a method's tasks over the last ten seconds, as a log-linear histogram: 16 buckets per doubling, so a quantile is within
 * 6 %. Recording costs a few additions; quantiles are read off ten times a second.
 */

const SLOTS = 10;
const SLOT_MS = 1000;
/** Up to 2³⁰ µs, 18 minutes. */
const BUCKETS = 448;
const MAX_US = 2 ** 30;
const FRESH_MS = 100;

export class LatencyWindow {
  readonly #slots = Array.from({ length: SLOTS }, () => new Uint32Array(BUCKETS));
  readonly #counts = new Uint32Array(SLOTS);
  /** Of all slots. */
  readonly #total = new Uint32Array(BUCKETS);
  readonly #quantile: number;
  #count = 0;
  #slot = 0;
  #slotEnd = Number.NEGATIVE_INFINITY;
  #staleAt = Number.NEGATIVE_INFINITY;
  #median = 0;
  #tail = 0;

  /** `quantile`: the one that is asked for beside the median, 0 … 1. */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  record(latencyMs: number, now: number): void {
    if (now >= this.#slotEnd) this.#rotate(now);
    const bucket = bucketOf(latencyMs * 1000);
    this.#slots[this.#slot]![bucket]!++;
    this.#counts[this.#slot]!++;
    this.#total[bucket]!++;
    this.#count++;
  }

  /** Tasks in the window. */
  count(now: number): number {
    if (now >= this.#slotEnd) this.#rotate(now);
    return this.#count;
  }

  /** In ms; 0 without a task. As of a tenth of a second ago, at most. */
  median(now: number): number {
    if (now >= this.#staleAt) this.#read(now);
    return this.#median;
  }

  tail(now: number): number {
    if (now >= this.#staleAt) this.#read(now);
    return this.#tail;
  }

  #read(now: number): void {
    if (now >= this.#slotEnd) this.#rotate(now);
    this.#staleAt = now + FRESH_MS;
    this.#median = this.#at(0.5);
    this.#tail = this.#at(this.#quantile);
  }

  #at(quantile: number): number {
    if (this.#count === 0) return 0;
    let rank = quantile * this.#count;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const here = this.#total[bucket]!;
      if (here === 0) continue;
      if (rank <= here) return (startOf(bucket) + (rank / here) * widthOf(bucket)) / 1000;
      rank -= here;
    }
    return MAX_US / 1000;
  }

  #rotate(now: number): void {
    if (this.#slotEnd === Number.NEGATIVE_INFINITY || now >= this.#slotEnd + SLOTS * SLOT_MS) {
      for (const slot of this.#slots) slot.fill(0);
      this.#counts.fill(0);
      this.#total.fill(0);
      this.#count = 0;
      this.#slotEnd = now + SLOT_MS;
      return;
    }
    while (now >= this.#slotEnd) {
      this.#slot = (this.#slot + 1) % SLOTS;
      const slot = this.#slots[this.#slot]!;
      for (let bucket = 0; bucket < BUCKETS; bucket++) this.#total[bucket]! -= slot[bucket]!;
      this.#count -= this.#counts[this.#slot]!;
      slot.fill(0);
      this.#counts[this.#slot] = 0;
      this.#slotEnd += SLOT_MS;
    }
  }
}

function bucketOf(us: number): number {
  const whole = us < MAX_US ? Math.max(0, us) | 0 : MAX_US - 1;
  if (whole < 16) return whole;
  const exponent = 31 - Math.clz32(whole);
  return ((exponent - 3) << 4) + ((whole >> (exponent - 4)) & 15);
}

function startOf(bucket: number): number {
  return bucket < 16 ? bucket : (16 + (bucket & 15)) << ((bucket >> 4) - 1);
}

function widthOf(bucket: number): number {
  return bucket < 16 ? 1 : 1 << ((bucket >> 4) - 1);
}
