/**
 * Timers for the calls that need one. Most calls end in the turn of the event loop in which they came, so they get their
 * timer (1 µs to set and clear) at the end of that turn, if they are still there.
 */
export interface Alarmed {
  readonly over: boolean;
  /** Sets its timer. Called at most once, not if it is over. */
  arm(): void;
}

export class Alarms {
  #fresh: Alarmed[] = [];

  watch(call: Alarmed): void {
    if (this.#fresh.length === 0) setImmediate(this.#endTurn);
    this.#fresh.push(call);
  }

  readonly #endTurn = (): void => {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const call of fresh) if (!call.over) call.arm();
  };
}

/** The longest delay that Node's timers keep; a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

/** From `now` to `at`, for a timer. Whole: Node's timers round down, and would fire early. */
export function delayUntil(at: number, now: number): number {
  return Math.min(longestMs, Math.max(1, Math.ceil(at - now)));
}
