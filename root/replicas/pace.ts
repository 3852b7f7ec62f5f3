/** How long a replica takes, over one window after the other: what slow ejection judges by. Recording is on the way of every task. */

/** A median of so many is within a few percent of that of all; the last ones of a window stand for it. */
const KEPT = 64;

export class Pace {
  readonly #latest = new Float32Array(KEPT);
  #count = 0;
  /** Of the latest answer, ms. */
  latestMs = Number.NaN;
  /** Windows in a row, up to the last one, in which the replica was slow. */
  slowWindows = 0;

  /** An attempt was answered after `elapsedMs`, or nobody waited longer than that for it. */
  record(elapsedMs: number): void {
    this.latestMs = elapsedMs;
    this.#latest[this.#count++ % KEPT] = elapsedMs;
  }

  /** The window's median, ms; NaN if fewer than `minSamples` were recorded. A new window begins. */
  endWindow(minSamples: number): number {
    const count = this.#count;
    this.#count = 0;
    return count < minSamples ? Number.NaN : median(this.#latest.subarray(0, Math.min(count, KEPT)));
  }
}

/** NaN of none. Sorts what it is given. */
export function median(values: Float32Array | number[]): number {
  values.sort((a: number, b: number) => a - b);
  const middle = values.length >> 1;
  if (values.length === 0) return Number.NaN;
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}
