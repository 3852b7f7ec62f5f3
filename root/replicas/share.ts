/** The tasks that one worker is to run: what becomes one leaf call. */
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import type { Method } from './balance.ts';
import type { Replica } from './replica-set.ts';
import type { Worker } from './worker.ts';

export interface Share {
  readonly worker: Worker;
  /** Ascending by shard, never empty. */
  readonly tasks: readonly LeafTask[];
  /** Parallel to `tasks`. */
  readonly replicas: readonly Replica[];
  /** Shards whose tasks are there to find out how a replica is, among first attempts that aren't. */
  readonly probes: readonly number[];
}

/** Where a shard is in a list that ascends by shard; -1: it isn't. */
export function positionOf(list: readonly { readonly shard: number }[], shard: number): number {
  let low = 0;
  let high = list.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = list[middle]!.shard;
    if (found === shard) return middle;
    if (found < shard) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

const NO_PROBES: readonly number[] = [];

interface OpenShare extends Share {
  readonly tasks: LeafTask[];
  readonly replicas: Replica[];
  probes: readonly number[];
}

/** Groups tasks by the worker that is to run them. */
export class Shares {
  readonly list: Share[] = [];
  readonly #byWorker = new Map<Worker, OpenShare>();

  /**
   * What is added will be sent, so it counts as load at once: the next task of the same request sees it. In any order of shards:
   * failures come as they come, but a leaf call's tasks ascend.
   */
  add(task: LeafTask, replica: Replica, method: Method, probe = false): void {
    const { worker } = replica;
    worker.load.sent(1, method.now, method);
    let share = this.#byWorker.get(worker);
    if (share === undefined) {
      share = { worker, tasks: [], replicas: [], probes: NO_PROBES };
      this.#byWorker.set(worker, share);
      this.list.push(share);
    }
    if (probe) share.probes = [...share.probes, task.shard];
    const { tasks, replicas } = share;
    let at = tasks.length;
    while (at > 0 && tasks[at - 1]!.shard > task.shard) at--;
    if (at === tasks.length) {
      tasks.push(task);
      replicas.push(replica);
    } else {
      tasks.splice(at, 0, task);
      replicas.splice(at, 0, replica);
    }
  }
}
