/**
 * One epoch's shards and their replicas, and which replica a task goes to. A request holds the set that it was planned with, so an
 * answer never mixes two epochs.
 *
 * For now replicas take turns among those that are connected, not draining and not behind an open breaker; all tasks of a
 * request take the same turn, so that shards hosted together travel in one leaf call.
 */
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import type { Topology } from '../topology/topology.ts';
import type { Breaker } from './breaker.ts';
import { type Share, Shares } from './share.ts';
import type { Worker } from './worker.ts';

/** One shard on one worker. */
export interface Replica {
  readonly shard: number;
  readonly worker: Worker;
  /** For the statuses of this replica's tasks. */
  readonly breaker: Breaker;
}

export interface Unassigned {
  readonly task: LeafTask;
  readonly cause: 'unavailable' | 'breaker_open';
  readonly detail: string;
}

export interface Assignment {
  readonly shares: readonly Share[];
  readonly unassigned: readonly Unassigned[];
}

const NONE: readonly Unassigned[] = [];

/** Rises with every change that may make a choice stale: a connection, a breaker. Shared by all sets of a root. */
export interface Availability {
  version: number;
}

export class ReplicaSet {
  readonly topology: Topology;
  /** By shard. */
  readonly #replicas: readonly (readonly Replica[])[];
  readonly #availability: Availability;
  #turn = 0;
  readonly #turns: number;
  /** Assignments of requests to every shard, by turn: valid for `#keptVersion`. */
  #kept: (Assignment | undefined)[] = [];
  #keptTasks: readonly LeafTask[] | undefined;
  #keptVersion = -1;

  constructor(topology: Topology, replicas: readonly (readonly Replica[])[], availability: Availability) {
    this.topology = topology;
    this.#replicas = replicas;
    this.#availability = availability;
    this.#turns = Math.max(1, ...replicas.map((list) => list.length));
  }

  replicasOf(shard: number): readonly Replica[] {
    return this.#replicas[shard] ?? [];
  }

  /** Shards without a replica that could take a task now. */
  uncovered(): number[] {
    const shards: number[] = [];
    this.#replicas.forEach((list, shard) => {
      if (!list.some((replica) => reachable(replica))) shards.push(shard);
    });
    return shards;
  }

  /** Groups tasks by the worker that is to run them. */
  assign(tasks: readonly LeafTask[]): Assignment {
    const turn = this.#turn;
    this.#turn = turn + 1 === this.#turns ? 0 : turn + 1;
    const { version } = this.#availability;
    // The task list of requests to every shard is one object per shard count, so identity tells.
    if (this.#keptVersion === version && this.#keptTasks === tasks) {
      const kept = this.#kept[turn];
      if (kept !== undefined) return kept;
    }
    const assignment = this.#assign(tasks, turn);
    if (tasks.length === this.#replicas.length && assignment.unassigned.length === 0 && this.#settled()) {
      if (this.#keptVersion !== version || this.#keptTasks !== tasks) this.#kept = new Array(this.#turns);
      this.#keptVersion = version;
      this.#keptTasks = tasks;
      this.#kept[turn] = assignment;
    }
    return assignment;
  }

  /** Another replica for a task than those of the workers that tried it, or undefined. */
  another(shard: number, tried: readonly Worker[]): Replica | undefined {
    const list = this.replicasOf(shard);
    let last: Replica | undefined;
    for (const replica of list) {
      if (tried.includes(replica.worker) || !reachable(replica)) continue;
      if (allowed(replica)) return replica;
      last ??= replica;
    }
    return last;
  }

  /** Every breaker is closed, so that a choice doesn't take one's probe. */
  #settled(): boolean {
    return this.#replicas.every((list) =>
      list.every(
        (replica) => replica.worker.breaker.state === 'closed' && replica.breaker.state === 'closed',
      ),
    );
  }

  #assign(tasks: readonly LeafTask[], turn: number): Assignment {
    const shares = new Shares();
    let unassigned: Unassigned[] | undefined;
    for (const task of tasks) {
      const replica = this.#choose(task.shard, turn);
      if (replica === undefined) {
        unassigned ??= [];
        unassigned.push(this.#whyNone(task));
        continue;
      }
      shares.add(task, replica);
    }
    return { shares: shares.list, unassigned: unassigned ?? NONE };
  }

  #choose(shard: number, turn: number): Replica | undefined {
    const list = this.replicasOf(shard);
    let last: Replica | undefined;
    for (let i = 0; i < list.length; i++) {
      const replica = list[(turn + i) % list.length]!;
      if (!reachable(replica)) continue;
      if (allowed(replica)) return replica;
      last ??= replica;
    }
    // Never down to none: a shard whose breakers are all open is still tried where it can be reached.
    return last;
  }

  #whyNone(task: LeafTask): Unassigned {
    const list = this.replicasOf(task.shard);
    if (list.length === 0) {
      return { task, cause: 'unavailable', detail: `no worker has shard ${task.shard} in the topology` };
    }
    const reasons = list.map(
      ({ worker }) => `${worker.id} (${worker.address}) ${describe(worker, task.shard)}`,
    );
    const open = list.every(({ worker }) => worker.breaker.state === 'open');
    return { task, cause: open ? 'breaker_open' : 'unavailable', detail: reasons.join('; ') };
  }
}

function reachable({ worker, shard }: Replica): boolean {
  return worker.connected && !worker.draining && worker.serves(shard);
}

function allowed(replica: Replica): boolean {
  return replica.worker.breaker.allows && replica.breaker.allows;
}

function describe(worker: Worker, shard: number): string {
  if (!worker.connected)
    return worker.reason === '' ? `is ${worker.state}` : `is ${worker.state}: ${worker.reason}`;
  if (worker.draining) return 'is draining';
  if (!worker.serves(shard)) return `does not serve shard ${shard}`;
  return 'is behind an open breaker';
}
