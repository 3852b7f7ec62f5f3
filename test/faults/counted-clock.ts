/** The system's clock, counting the timers that are set, so that a test can tell that none is left behind. */
import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';

export class CountedClock implements Clock {
  pending = 0;

  now(): number {
    return systemClock.now();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    let open = true;
    const over = (): void => {
      if (open) this.pending--;
      open = false;
    };
    this.pending++;
    const timer = systemClock.setTimer(() => {
      over();
      callback();
    }, delayMs);
    return {
      cancel() {
        over();
        timer.cancel();
      },
    };
  }
}

/**
 * How long this process stood still: a root in it can't hand anything over then, whatever it does. Other processes of the machine
 * are the reason, or the test's own work.
 */
export class Stalls {
  longestMs = 0;
  #at = performance.now();
  readonly #ticking: NodeJS.Timeout;

  constructor() {
    this.#ticking = setInterval(() => {
      const now = performance.now();
      // Timers are a millisecond apart at best, and late by one.
      this.longestMs = Math.max(this.longestMs, now - this.#at - 2);
      this.#at = now;
    }, 1);
  }

  stop(): void {
    clearInterval(this.#ticking);
  }
}
