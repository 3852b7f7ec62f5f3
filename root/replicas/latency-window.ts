/**
 * The latency of a method's tasks over the last ten seconds, as log-linear histograms: 16 buckets per doubling, so a quantile is within
 * 6 %. Recording costs a few additions; quantiles are read off ten times a second.
 *
 * Half a second in which everything is slow (a cold start, a machine that stands still) would lift a p95 of ten seconds for ten seconds. So the tail
 * leaves out up to two seconds whose own is more than twice the usual one; a lasting change counts from the third on. Where single seconds have too
 * few tasks to tell, as many as it takes count as one.
 */

const SLOTS = 10;
const SLOT_MS = 1000;
/** Slots (or groups of them) that the tail leaves out at most, and from which multiple of the usual tail on. */
const MAX_LEFT_OUT = 2;
const UNUSUAL = 2;
/** Tasks beyond the quantile that tell it. */
const BEYOND = 10;
/** Up to 2³⁰ µs, 18 minutes. */
const BUCKETS = 448;
const MAX_US = 2 ** 30;
const FRESH_MS = 100;

export class LatencyWindow {
  readonly #slots = Array.from({ length: SLOTS }, () => new Uint32Array(BUCKETS));
  readonly #counts = new Uint32Array(SLOTS);
  /** Of all slots. */
  readonly #total = new Uint32Array(BUCKETS);
  /** Of some slots, while they are read. */
  readonly #some = new Uint32Array(BUCKETS);
  readonly #quantile: number;
  /** Tasks that tell the quantile. */
  readonly #enough: number;
  #count = 0;
  #slot = 0;
  #slotEnd = Number.NEGATIVE_INFINITY;
  #staleAt = Number.NEGATIVE_INFINITY;
  #median = 0;
  #tail = 0;

  /** `quantile`: the one that is asked for beside the median, 0 … 1. */
  constructor(quantile: number) {
    this.#quantile = quantile;
    this.#enough = BEYOND / (1 - quantile);
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

  /** As `median`, of the other quantile. */
  tail(now: number): number {
    if (now >= this.#staleAt) this.#read(now);
    return this.#tail;
  }

  #read(now: number): void {
    if (now >= this.#slotEnd) this.#rotate(now);
    this.#staleAt = now + FRESH_MS;
    this.#median = quantileOf(this.#total, this.#count, 0.5);
    this.#tail = this.#readTail();
  }

  #readTail(): number {
    const groups = this.#groups();
    // Of two the lower: a hedge too many is what the budget is for.
    const usual = groups.map(({ tail }) => tail).sort((a, b) => a - b)[(groups.length - 1) >> 1] ?? 0;
    const unusual = groups.filter(({ tail }) => tail > UNUSUAL * usual).sort((a, b) => b.tail - a.tail);
    if (unusual.length === 0) return quantileOf(this.#total, this.#count, this.#quantile);
    const rest = this.#some;
    rest.set(this.#total);
    let count = this.#count;
    for (const { slots } of unusual.slice(0, MAX_LEFT_OUT)) {
      for (const index of slots) {
        const slot = this.#slots[index]!;
        for (let bucket = 0; bucket < BUCKETS; bucket++) rest[bucket]! -= slot[bucket]!;
        count -= this.#counts[index]!;
      }
    }
    return quantileOf(rest, count, this.#quantile);
  }

  /** From the latest slot on, as many each as tell the quantile; those left at the end aren't in any. */
  #groups(): { slots: number[]; tail: number }[] {
    const groups: { slots: number[]; tail: number }[] = [];
    const some = this.#some.fill(0);
    let slots: number[] = [];
    let count = 0;
    for (let age = 0; age < SLOTS; age++) {
      const index = (this.#slot - age + SLOTS) % SLOTS;
      if (this.#counts[index] === 0) continue;
      const slot = this.#slots[index]!;
      for (let bucket = 0; bucket < BUCKETS; bucket++) some[bucket]! += slot[bucket]!;
      count += this.#counts[index]!;
      slots.push(index);
      if (count < this.#enough) continue;
      groups.push({ slots, tail: quantileOf(some, count, this.#quantile) });
      some.fill(0);
      slots = [];
      count = 0;
    }
    return groups;
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

/** In ms; 0 of none. */
function quantileOf(histogram: Uint32Array, count: number, quantile: number): number {
  if (count === 0) return 0;
  let rank = quantile * count;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const here = histogram[bucket]!;
    if (here === 0) continue;
    if (rank <= here) return (startOf(bucket) + (rank / here) * widthOf(bucket)) / 1000;
    rank -= here;
  }
  return MAX_US / 1000;
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
