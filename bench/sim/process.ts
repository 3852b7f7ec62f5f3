/** Processes in virtual time: an event loop each, which does one thing after the other, on cores that they share. */
import type { Clock, Timer } from '../../shared/clock.ts';
import type { VirtualClock } from './clock.ts';

/** Cores of one machine. Who comes first gets one, and keeps it until it has nothing left to do. */
export class Cores {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  take(granted: () => void): void {
    if (this.#free > 0) {
      this.#free--;
      granted();
    } else this.#waiting.push(granted);
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

interface Work {
  readonly cpuMs: number;
  readonly then: () => void;
}

export class SimProcess implements Clock {
  readonly clock: VirtualClock;
  /** Of the cores', ms. */
  usedMs = 0;
  readonly #cores: Cores;
  readonly #work: Work[] = [];
  #busy = false;
  #blockedUntil = 0;

  constructor(clock: VirtualClock, cores: Cores) {
    this.clock = clock;
    this.#cores = cores;
  }

  now(): number {
    return this.clock.now();
  }

  /** Its callback waits for the event loop. */
  setTimer(callback: () => void, delayMs: number): Timer {
    let cancelled = false;
    const timer = this.clock.setTimer(
      () =>
        this.run(0, () => {
          if (!cancelled) callback();
        }),
      delayMs,
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** In the event loop, after what came before: takes the core for `cpuMs`, and is done then. */
  run(cpuMs: number, then: () => void): void {
    this.#work.push({ cpuMs, then });
    if (this.#busy) return;
    this.#busy = true;
    this.#begin();
  }

  /** The event loop stands still, without a core: nothing begins or ends. */
  block(ms: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, this.clock.now() + ms);
  }

  #begin(): void {
    if (this.#blockedUntil > this.clock.now()) this.clock.at(this.#blockedUntil, () => this.#begin());
    else this.#cores.take(() => this.#next());
  }

  #next(): void {
    for (;;) {
      if (this.#blockedUntil > this.clock.now()) {
        this.#cores.release();
        this.#begin();
        return;
      }
      const work = this.#work.shift();
      if (work === undefined) {
        this.#busy = false;
        this.#cores.release();
        return;
      }
      if (work.cpuMs > 0) {
        this.usedMs += work.cpuMs;
        this.clock.at(this.clock.now() + work.cpuMs, () => {
          work.then();
          this.#next();
        });
        return;
      }
      work.then();
    }
  }
}
