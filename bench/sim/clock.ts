/** Virtual time: events in the order of their times, and in the order in which they were set where those are equal. */
import type { Clock, Timer } from '../../shared/clock.ts';

class Event implements Timer {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;

  constructor(at: number, order: number, callback: () => void) {
    this.at = at;
    this.order = order;
    this.callback = callback;
  }

  cancel(): void {
    this.callback = undefined;
  }
}

/** Breakers count failures in microtasks: they get their turn after so many events. */
const EVENTS_PER_TURN = 64;

export class VirtualClock implements Clock {
  /** A binary heap: no event is before its parent. */
  readonly #heap: Event[] = [];
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.at(this.#now + delayMs, callback);
  }

  at(time: number, callback: () => void): Timer {
    const event = new Event(Math.max(time, this.#now), this.#order++, callback);
    this.#push(event);
    return event;
  }

  /** Until then, or until nothing is left to happen. */
  async run(until: number): Promise<void> {
    for (let count = 1; ; count++) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      this.#pop();
      if (next.callback === undefined) continue;
      this.#now = next.at;
      next.callback();
      if (count % EVENTS_PER_TURN === 0) await undefined;
    }
    this.#now = Math.max(this.#now, until);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
