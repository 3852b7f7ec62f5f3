/**
 * How long this process stood still, and when: a root in it can't hand anything over then, whatever it does. Other processes of the machine
 * are the reason, or the test's own work.
 */

/** Timers are a millisecond apart at best, and late by one. */
const USUAL_MS = 2;

interface Stall {
  readonly from: number;
  readonly to: number;
}

export class Stalls {
  readonly #stalls: Stall[] = [];
  #at = performance.now();
  readonly #ticking: NodeJS.Timeout;

  constructor() {
    this.#ticking = setInterval(() => this.#look(), 1);
  }

  /** How long it stood still from `from` on, in stalls that had begun by `to`, ms. */
  between(from: number, to: number): number {
    // The one that lasts until now hasn't been seen by the timer yet.
    this.#look();
    let ms = 0;
    for (let i = this.#stalls.length - 1; i >= 0; i--) {
      const stall = this.#stalls[i]!;
      if (stall.to <= from) break;
      if (stall.from < to) ms += stall.to - Math.max(stall.from, from);
    }
    return ms;
  }

  stop(): void {
    clearInterval(this.#ticking);
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#at > USUAL_MS) this.#stalls.push({ from: this.#at + USUAL_MS, to: now });
    this.#at = now;
  }
}
