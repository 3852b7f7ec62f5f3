/**
 * When the open tasks of a scatter are looked at, to be asked elsewhere: after the delay, as soon as what lies ready at their worker has come; and again
 * later, if they were left alone.
 */
import type { LeafTask } from '../shared/link/leaf-call.ts';
import type { Attempt } from './attempt.ts';
import { STEPS } from './replicas/hedge.ts';

/** A worker's timers and this root's are late by a millisecond each: so much sooner than the hedge it is told to flush. */
const FLUSH_SLACK_MS = 2;
const MIN_FLUSH_MS = 0.5;
/** A flush that is late for want of CPU comes within this; that of a worker that stands still doesn't, and waiting for it costs little. */
const FLUSH_PATIENCE_MS = 5;
/** Of the delay: how soon what was left alone is looked at again. */
const FIRST_STEP = 1 / 4;
/** Node's timers round down. */
export const EARLY_MS = 1;

export interface Due {
  readonly attempt: Attempt;
  readonly task: LeafTask;
  /** For how long it has been open, as `stepOf` says, and the first of these steps at which it wasn't looked at. */
  readonly step: number;
  readonly from: number;
}

/** 0: open for the delay; 1: for a quarter of it longer, 2: for half of it longer, and each next for twice as much longer: when what is left alone is looked at. */
export function stepOf(beyondMs: number, delayMs: number): number {
  // Timers may be early.
  const first = 0.8 * FIRST_STEP * delayMs;
  return Math.max(0, Math.min(1 + Math.floor(Math.log2(Math.max(0, beyondMs) / first)), STEPS - 1));
}

export class HedgeRounds {
  /** On the clock. Infinity: there is nothing to look at. */
  nextAt = Number.POSITIVE_INFINITY;
  readonly #attempts: readonly Attempt[];
  readonly #deadline: number;

  /** `attempts`: the scatter's, as they grow. */
  constructor(attempts: readonly Attempt[], deadline: number) {
    this.#attempts = attempts;
    this.#deadline = deadline;
  }

  /** A first attempt is sent: its tasks may be open for `delayMs`. How long after the start its worker is to send what is ready; 0: it needn't. */
  began(attempt: Attempt, delayMs: number, now: number): number {
    const { tasks, worker } = attempt.share;
    let flushMs = 0;
    attempt.hedgeAfterMs = delayMs;
    if (tasks.length > 1) {
      const spareMs = worker.load.wireMs + FLUSH_SLACK_MS;
      flushMs = Math.max(MIN_FLUSH_MS, delayMs - spareMs);
      attempt.hedgeAfterMs = Math.max(delayMs, flushMs + spareMs);
      attempt.flush = 'awaited';
    }
    this.#lookAt(attempt, now + attempt.hedgeAfterMs);
    return flushMs;
  }

  /** A part came: what lay ready has come, or comes with it, so what is open in the next turn is slow. True if that is to be looked at now. */
  came(attempt: Attempt, now: number): boolean {
    if (attempt.flush === 'none') return false;
    const wasOverdue = attempt.flush === 'overdue';
    attempt.flush = 'none';
    if (!wasOverdue || attempt.hedgeAt <= now) return false;
    this.#lookAt(attempt, now);
    return true;
  }

  /** The tasks to be asked elsewhere now. */
  due(now: number, isOpen: (shard: number) => boolean): readonly Due[] {
    const tasks: Due[] = [];
    this.nextAt = Number.POSITIVE_INFINITY;
    for (const attempt of this.#attempts) {
      if (attempt.hedgeAt - now >= EARLY_MS) {
        this.nextAt = Math.min(this.nextAt, attempt.hedgeAt);
        continue;
      }
      attempt.hedgeAt = Number.POSITIVE_INFINITY;
      if (attempt.ended) continue;
      // What is ready there may be on its way, and isn't slow.
      if (attempt.flush === 'awaited') {
        attempt.flush = 'overdue';
        this.#lookAt(attempt, now + FLUSH_PATIENCE_MS);
        continue;
      }
      attempt.flush = 'none';
      const step = stepOf(attempt.beyondMs(now), attempt.hedgeAfterMs);
      for (const task of attempt.share.tasks) {
        if (!isOpen(task.shard) || attempt.failed(task.shard)) continue;
        tasks.push({ attempt, task, step, from: attempt.counted });
      }
      attempt.counted = Math.max(attempt.counted, step + 1);
    }
    return tasks;
  }

  /**
   * What stands in the way of a hedge (a burst, an empty purse) may be gone while the task is still slow: it is looked at again soon, then each time that
   * it has been open for twice as long beyond the delay, as long as a second attempt would have as much time as the first has had.
   */
  leftAlone(attempt: Attempt, now: number): void {
    const againAt = now + Math.max(attempt.beyondMs(now), attempt.hedgeAfterMs * FIRST_STEP);
    if (this.#deadline - againAt >= againAt - attempt.startedAt) this.#lookAt(attempt, againAt);
  }

  #lookAt(attempt: Attempt, at: number): void {
    attempt.hedgeAt = at;
    if (at < this.nextAt) this.nextAt = at;
  }
}
