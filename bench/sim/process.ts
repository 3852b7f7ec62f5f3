/** A process in virtual time: an event loop that does one thing after the other, and helper threads, on cores that it shares with others. */
import type { Clock, Timer } from '../../shared/clock.ts';
import type { VirtualClock } from './clock.ts';
import { exponential } from './draw.ts';
import type { Machine } from './machine.ts';

interface Work {
  readonly cpuMs: number;
  readonly then: () => void;
}

export class SimProcess implements Clock {
  readonly clock: VirtualClock;
  /** CPU of its event loop, ms. */
  usedMs = 0;
  readonly #machine: Machine;
  readonly #work: Work[] = [];
  #busy = false;
  #blockedUntil = 0;
  /** What its helper threads have to do, and how much that is when they begin with it, ms. */
  #background = 0;
  #burstMs: number;

  constructor(clock: VirtualClock, machine: Machine) {
    this.clock = clock;
    this.#machine = machine;
    this.#burstMs = this.#nextBurst();
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
    else this.#machine.cores.take(() => this.#next(this.#machine.costs.wake));
  }

  /** `wakeMs`: on top of the first of what there is to do. */
  #next(wakeMs: number): void {
    const { cores } = this.#machine;
    for (let more = wakeMs; ; more = 0) {
      if (this.#blockedUntil > this.clock.now()) {
        cores.release();
        this.#begin();
        return;
      }
      const work = this.#work.shift();
      if (work === undefined) {
        this.#busy = false;
        cores.release();
        return;
      }
      const cpuMs = work.cpuMs + more;
      if (cpuMs > 0) {
        this.#uses(cpuMs);
        this.clock.at(this.clock.now() + cpuMs, () => {
          work.then();
          this.#next(0);
        });
        return;
      }
      work.then();
    }
  }

  #uses(cpuMs: number): void {
    const { background, cores } = this.#machine;
    this.usedMs += cpuMs;
    this.#background += cpuMs * background.share;
    if (this.#background < this.#burstMs) return;
    const burstMs = this.#burstMs;
    this.#background -= burstMs;
    this.#burstMs = this.#nextBurst();
    cores.take(() => this.clock.at(this.clock.now() + burstMs, () => cores.release()));
  }

  #nextBurst(): number {
    const { background, random } = this.#machine;
    return background.share === 0 ? Number.POSITIVE_INFINITY : exponential(1 / background.burstMs, random);
  }
}
