/**
 * What a method's answers take, against what they usually take: methods differ a thousandfold, so a limit that looked at their plain
 * mean would see overload in every change of the mix.
 */

/** What the root's event loop or a worker's batch takes for itself; below it nobody's latency is called long (CoDel's target). */
const SLACK_MS = 5;
/** Windows whose plain mean is the first usual latency. */
const WARM_UP = 10;
/** A window of fewer answers says nothing. */
const LEAST_SAMPLES = 3;

export class MethodLatency {
  /** The long-term average; 0: not known yet. */
  usualMs = 0;
  #windows = 0;
  #sumMs = 0;
  #samples = 0;
  #units = 0;

  add(ms: number, units: number): void {
    this.#sumMs += ms;
    this.#samples++;
    this.#units += units;
  }

  /** Leaf calls behind the window's answers: how much this method counts. */
  get units(): number {
    return this.#units;
  }

  /**
   * Ends the window: how much longer answers took than they may, 1 being the most that is nobody's overload; undefined if there were too few.
   * `lateMs`: what they waited for the event loop before they could be seen. `forget`: what of the usual to forget for what came
   * higher. What came lower is believed at once, or nearly: latency without load is the lowest there is.
   */
  endWindow(lateMs: number, tolerance: number, forget: number): number | undefined {
    const samples = this.#samples;
    if (samples < LEAST_SAMPLES) return undefined;
    const ms = this.#sumMs / samples + lateMs;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#units = 0;
    this.#windows++;
    let weight = forget;
    if (this.#windows <= WARM_UP) weight = Math.max(forget, 1 / this.#windows);
    else if (ms < this.usualMs / 2) weight = 0.2;
    else if (ms < this.usualMs) weight = 0.05;
    this.usualMs += (ms - this.usualMs) * weight;
    return ms / Math.max(tolerance * this.usualMs, this.usualMs + SLACK_MS);
  }
}
