/** The tasks that one worker is to run: what becomes one leaf call. */
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import type { Replica } from './replica-set.ts';
import type { Worker } from './worker.ts';

export interface Share {
  readonly worker: Worker;
  /** Ascending by shard, never empty. */
  readonly tasks: readonly LeafTask[];
  /** Parallel to `tasks`. */
  readonly replicas: readonly Replica[];
  /** How many of the tasks are there to find out how a replica is. */
  readonly probes: number;
}

interface OpenShare extends Share {
  readonly tasks: LeafTask[];
  readonly replicas: Replica[];
  probes: number;
}

/** Groups tasks by the worker that is to run them. */
export class Shares {
  readonly list: Share[] = [];
  readonly #byWorker = new Map<Worker, OpenShare>();

  /**
   * What is added will be sent, so it counts as load at once: the next task of the same request sees it. In any order of shards:
   * failures come as they come, but a leaf call's tasks ascend.
   */
  add(task: LeafTask, replica: Replica, now: number): void {
    const { worker } = replica;
    worker.load.sent(1, now);
    let share = this.#byWorker.get(worker);
    if (share === undefined) {
      share = { worker, tasks: [], replicas: [], probes: 0 };
      this.#byWorker.set(worker, share);
      this.list.push(share);
    }
    if (replica.latency.trying) share.probes++;
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
