/**
 * How long this thread stood still without a core to run on, and when: a root on it can't hand anything over then, whatever it does. What it was
 * busy with itself is no excuse: that may have been the root.
 */

/** Timers are a millisecond apart at best, and late by one. */
const USUAL_MS = 2;

interface Stall {
  readonly from: number;
  readonly to: number;
  /** Of its time, 0 to 1: the thread would have run, and didn't. */
  readonly waiting: number;
}

export class Stalls {
  readonly #stalls: Stall[] = [];
  #at = performance.now();
  #cpu = process.threadCpuUsage();
  readonly #ticking: NodeJS.Timeout;

  constructor() {
    this.#ticking = setInterval(() => this.#look(), 1);
  }

  /** How long it stood still from `from` on, in stalls that had begun by `to`, ms. When in a stall it had no core isn't known: evenly. */
  between(from: number, to: number): number {
    // The one that lasts until now hasn't been seen by the timer yet.
    this.#look();
    let ms = 0;
    for (let i = this.#stalls.length - 1; i >= 0; i--) {
      const stall = this.#stalls[i]!;
      if (stall.to <= from) break;
      if (stall.from < to) ms += stall.waiting * (stall.to - Math.max(stall.from, from));
    }
    return ms;
  }

  stop(): void {
    clearInterval(this.#ticking);
  }

  #look(): void {
    const now = performance.now();
    const tookMs = now - this.#at;
    const cpu = process.threadCpuUsage();
    const busyMs = (cpu.user + cpu.system - this.#cpu.user - this.#cpu.system) / 1000;
    if (tookMs > USUAL_MS) {
      const waiting = Math.max(0, 1 - busyMs / tookMs);
      this.#stalls.push({ from: this.#at + USUAL_MS, to: now, waiting });
    }
    this.#at = now;
    this.#cpu = cpu;
  }
}
