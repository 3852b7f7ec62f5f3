/** What is known of the tasks of a scatter that had trouble; the rest were tried once, on the worker of their share. */
import type { LeafTask, TaskFailure } from '../shared/link/leaf-call.ts';
import type { Attempt } from './attempt.ts';
import type { Cause, Missing } from './coverage.ts';
import type { Worker } from './replicas/worker.ts';

export interface TaskState {
  /** Workers of all attempts so far, in the order in which they were sent. */
  readonly tried: Worker[];
  /** Attempts that haven't failed. */
  readonly underWay: Attempt[];
  /** Attempts that started and failed. */
  retries: number;
  /** There was a hedge or a retry. */
  again: boolean;
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
        again: false,
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
    if (!attempt.beside) state.again = true;
  }

  lose(state: TaskState, failure: TaskFailure, cause: Cause): void {
    if (state.lost !== undefined) return;
    state.lost = { failure, cause };
    this.lost++;
  }

  /** Some were given up, and all the others are in the answer. */
  settled(tasks: readonly LeafTask[], answer: Answered): boolean {
    if (this.lost === 0) return false;
    return tasks.every(({ shard }) => answer.has(shard) || this.get(shard)?.lost !== undefined);
  }
}

interface Answered {
  has(shard: number): boolean;
}

/** Tasks that aren't in the answer, by ascending shard. Those that are still open have the cause `open`. */
export function missingTasks(
  tasks: readonly LeafTask[],
  answer: Answered,
  states: TaskStates | undefined,
  open: Cause,
  detail: string,
): Missing[] {
  const missing: Missing[] = [];
  for (const { shard } of tasks) {
    if (answer.has(shard)) continue;
    const state = states?.get(shard);
    const attempts = state === undefined ? 1 : state.tried.length;
    const lost = state?.lost;
    if (lost === undefined) missing.push({ shard, cause: open, detail, attempts });
    else missing.push({ shard, cause: lost.cause, detail: lost.failure.message, attempts });
  }
  return missing;
}
