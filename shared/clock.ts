/** Time, so that tests and the simulator can own it. Times and delays are ms on a monotonic clock. */
export interface Clock {
  now(): number;
  /** Never called before `delay` ms have passed. Doesn't keep the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  cancel(): void;
}

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;
  constructor(callback: () => void, delayMs: number) {
    this.#handle = setTimeout(callback, delayMs);
    this.#handle.unref();
  }
  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
};
