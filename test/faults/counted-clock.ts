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
