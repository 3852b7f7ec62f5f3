/**
 * What a worker expects: how long a task of a method takes, and how long what is queued takes to get its slot. Learned from what slots
 * were given back, so it holds for handlers that wait, that compute on threads and that block the loop alike.
 */

/** So many outcomes are remembered, about. */
const MEMORY = 16;
/**
 * The time between slots is a mean over so many of them and over so long at least. Tasks that take microseconds would else be judged by 16 of
 * them: one pause of 50 ms among those, a garbage collection, and a call of 1,000 tasks looks like one of 3 s.
 */
const WINDOW_MS = 500;
/** A step of the median, of its own size: 14 tasks that take longer double it. */
const STEP = 1.05;

/**
 * The median of how long a method's tasks took, as it moves (Ma, Muthukrishnan and Sandler, "Frugal Streaming for Estimating Quantiles",
 * 2013, with steps that are relative). A mean would take the few tasks that hang for what tasks are like.
 */
export class TypicalTime {
  /** Of all tasks, those that were given up among them: what is to be expected. */
  ms = 0;
  /** Of those that ended by themselves: what is usual where nothing hangs. */
  endedMs = 0;

  took(ms: number, givenUp = false): void {
    this.ms = moved(this.ms, ms);
    if (!givenUp) this.endedMs = moved(this.endedMs, ms);
  }
}

function moved(median: number, ms: number): number {
  if (median === 0) return ms;
  return ms > median ? median * STEP : median / STEP;
}

export class Pace {
  readonly #slots: number;
  #freed = 0;
  /** Smoothed time from getting a slot to giving it back. */
  #serviceMs = 1;
  /** Times between two slots given back while others waited for them, and their sum: both halved when there are enough. */
  #gaps = 0;
  #gapsMs = 0;
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
    this.#gaps += 1;
    this.#gapsMs += now - since;
    if (this.#gaps >= 2 * MEMORY && this.#gapsMs >= 2 * WINDOW_MS) {
      this.#gaps /= 2;
      this.#gapsMs /= 2;
    }
  }

  /** How long until so many slots have been given back, all of them being in use. */
  waitMs(slots: number): number {
    // Until enough gaps were seen, service time ÷ slots stands for those that weren't.
    const assumed = Math.max(0, MEMORY - this.#gaps);
    const assumedMs = (assumed * this.#serviceMs) / this.#slots;
    return (slots * (this.#gapsMs + assumedMs)) / (this.#gaps + assumed);
  }
}
