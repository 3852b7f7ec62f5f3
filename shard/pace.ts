/**
 * What a worker expects: how long a task of a method takes, and how long what is queued takes to get its slot. Learned from what slots
 * were given back, so it holds for handlers that wait, that compute on threads and that block the loop alike.
 */

/** So many outcomes are remembered, about. */
const MEMORY = 16;
/** A step of the median, of its own size: 14 tasks that take longer double it. */
const STEP = 1.05;

/**
 * The median of how long a method's tasks took, as it moves (Ma, Muthukrishnan and Sandler, "Frugal Streaming for Estimating Quantiles",
 * 2013, with steps that are relative). A mean would take the few tasks that hang for what tasks are like.
 */
export class TypicalTime {
  ms = 0;

  took(ms: number): void {
    if (this.ms === 0) this.ms = ms;
    else this.ms *= ms > this.ms ? STEP : 1 / STEP;
  }
}

export class Pace {
  readonly #slots: number;
  #freed = 0;
  /** Smoothed time from getting a slot to giving it back. */
  #serviceMs = 1;
  /** Smoothed time between two slots given back while others waited for them; 0: not seen yet. */
  #gapMs = 0;
  /** When the last slot was given back, if others waited for it then. */
  #since: number | undefined;

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** It has seen enough to be believed. */
  get isKnown(): boolean {
    return this.#freed >= MEMORY;
  }

  /** A slot was given back after `tookMs`. `wanted`: something waits for it. */
  freed(now: number, tookMs: number, wanted: boolean): void {
    this.#freed += 1;
    this.#serviceMs += (tookMs - this.#serviceMs) / MEMORY;
    const since = this.#since;
    this.#since = wanted ? now : undefined;
    if (since === undefined) return;
    if (this.#gapMs === 0) this.#gapMs = this.#serviceMs / this.#slots;
    this.#gapMs += (now - since - this.#gapMs) / MEMORY;
  }

  /** How long until so many slots have been given back, all of them being in use. */
  waitMs(slots: number): number {
    return slots * (this.#gapMs === 0 ? this.#serviceMs / this.#slots : this.#gapMs);
  }
}
