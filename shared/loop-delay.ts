/**
 * How late this process's event loop is: everything that it does, answering included, starts that much late. Measured by a timer of its own,
 * because `monitorEventLoopDelay` takes a pause of any length for one sample: of 30 ms every second it says a p99 of 0.8 ms, though 3 % of
 * what comes meets the pause. Here a pause counts as long as it lasts. Costs as much as that one does: a wake-up every 20 ms.
 */
import type { Clock, Timer } from './clock.ts';

/** What a hedge, or an operator, asks. All are ms. */
export interface LoopDelay {
  /** Of the last two seconds. A pause shows once it is over, a single one only if it lasts longer than 20 ms. */
  readonly p99Ms: number;
  readonly p50Ms: number;
  readonly meanMs: number;
}

/** For /statusz: tenths of ms. */
export function loopDelayStatus({ p50Ms, p99Ms }: LoopDelay): object {
  return { p50: Math.round(p50Ms * 10) / 10, p99: Math.round(p99Ms * 10) / 10 };
}

/** Every 1 % of the two seconds that are looked back on. */
const EVERY_MS = 20;
const SAMPLES = 100;

export class LoopDelayMonitor implements LoopDelay {
  readonly #clock: Clock;
  /** By how much what was due in each of the last slots of `EVERY_MS` was late. */
  readonly #late = new Float64Array(SAMPLES);
  #at = 0;
  #sum = 0;
  #p99Ms = 0;
  #maxMs = 0;
  #dueAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get p99Ms(): number {
    return this.#p99Ms;
  }

  get p50Ms(): number {
    return this.#late.toSorted()[SAMPLES / 2]!;
  }

  get meanMs(): number {
    return Math.max(0, this.#sum / SAMPLES);
  }

  start(): void {
    if (this.#timer === undefined) this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The worst since it was asked for the last time. */
  takeMaxMs(): number {
    const max = this.#maxMs;
    this.#maxMs = 0;
    return max;
  }

  #wait(): void {
    this.#dueAt = this.#clock.now() + EVERY_MS;
    this.#timer = this.#clock.setTimer(this.#woke, EVERY_MS);
  }

  readonly #woke = (): void => {
    let late = Math.max(0, this.#clock.now() - this.#dueAt);
    if (late > this.#maxMs) this.#maxMs = late;
    // What would have been due during the pause was late too, each by what was left of it.
    for (let i = 0; i < SAMPLES; i++) {
      this.#record(late);
      late -= EVERY_MS;
      if (late <= 0) break;
    }
    this.#p99Ms = this.#secondWorst();
    this.#wait();
  };

  #record(lateMs: number): void {
    this.#sum += lateMs - this.#late[this.#at]!;
    this.#late[this.#at] = lateMs;
    this.#at = (this.#at + 1) % SAMPLES;
  }

  /** The p99 of a hundred. */
  #secondWorst(): number {
    let worst = 0;
    let second = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const late = this.#late[i]!;
      if (late > worst) {
        second = worst;
        worst = late;
      } else if (late > second) second = late;
    }
    return second;
  }
}
