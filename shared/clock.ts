/** Time, so that tests and the simulator can own it. Times and delays are ms on a monotonic clock. */
export interface Clock {
  now(): number;
  /** Never called before `delay` ms have passed. Doesn't keep the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Node's timers fire at once above it. */
const MAX_DELAY_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle!: NodeJS.Timeout;
  constructor(callback: () => void, delayMs: number) {
    this.#set(callback, delayMs);
  }
  #set(callback: () => void, delayMs: number): void {
    this.#handle =
      delayMs <= MAX_DELAY_MS
        ? setTimeout(callback, delayMs)
        : setTimeout(() => this.#set(callback, delayMs - MAX_DELAY_MS), MAX_DELAY_MS);
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
