/** What is known of the tasks of a scatter that had trouble; the rest were tried once, on the worker of their share. */
import type { TaskFailure } from '../shared/link/leaf-call.ts';
import type { Attempt } from './attempt.ts';
import type { Cause } from './coverage.ts';
import type { Worker } from './replicas/worker.ts';

export interface TaskState {
  /** Workers of all attempts so far, in the order in which they were sent. */
  readonly tried: Worker[];
  /** Attempts that haven't failed. */
  readonly underWay: Attempt[];
  /** Attempts that started and failed. */
  retries: number;
  /** No attempt works on it any more, and none will. */
  lost: { readonly failure: TaskFailure; readonly cause: Cause } | undefined;
}

export class TaskStates {
  readonly #states = new Map<number, TaskState>();
  /** Tasks that were given up. */
  lost = 0;

  get(shard: number): TaskState | undefined {
    return this.#states.get(shard);
  }

  /** The state of a task whose first attempt that is, if there was none before. `undefined`: it had none at all. */
  of(shard: number, first: Attempt | undefined): TaskState {
    let state = this.#states.get(shard);
    if (state === undefined) {
      state = {
        tried: first === undefined ? [] : [first.share.worker],
        underWay: first === undefined ? [] : [first],
        retries: 0,
        lost: undefined,
      };
      this.#states.set(shard, state);
    }
    return state;
  }

  sent(shard: number, attempt: Attempt): void {
    const state = this.#states.get(shard)!;
    state.tried.push(attempt.share.worker);
    state.underWay.push(attempt);
  }

  lose(state: TaskState, failure: TaskFailure, cause: Cause): void {
    if (state.lost !== undefined) return;
    state.lost = { failure, cause };
    this.lost++;
  }
}
