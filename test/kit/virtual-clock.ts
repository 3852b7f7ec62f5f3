/** Time that passes when a test says so, without promises: for what is driven by timers alone. */
import type { Clock, Timer } from '../../shared/clock.ts';

interface Alarm extends Timer {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #now = 0;
  #made = 0;
  /** A binary heap by time, then by order of setting. Cancelled ones stay until they are due. */
  readonly #alarms: Alarm[] = [];

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const alarm: Alarm = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#made++,
      callback,
      cancel() {
        this.callback = undefined;
      },
    };
    this.#push(alarm);
    return alarm;
  }

  /** Timers fire when they are due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#alarms[0]; next !== undefined && next.at <= until; next = this.#alarms[0]) {
      this.step();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Time passes in which nothing fires, as when the event loop is blocked; what is overdue then fires with the next advance. */
  block(ms: number): void {
    this.#now += ms;
  }

  /** Fires the next timer. False: there is none. */
  step(): boolean {
    const alarm = this.#pop();
    if (alarm === undefined) return false;
    if (alarm.callback === undefined) return true;
    this.#now = Math.max(this.#now, alarm.at);
    alarm.callback();
    return true;
  }

  #push(alarm: Alarm): void {
    const heap = this.#alarms;
    let at = heap.length;
    heap.push(alarm);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(alarm, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#alarms;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
