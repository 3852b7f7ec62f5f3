/**
 * One epoch's shards and their replicas, and which replica a task goes to. A request holds the set that it was planned with, so an
 * answer never mixes two epochs.
 */
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import type { Topology } from '../topology/topology.ts';
import { best, type Chooser, isNewcomer, type Method, mayTry } from './balance.ts';
import type { Breaker } from './breaker.ts';
import type { OwedBy } from './load.ts';
import type { Pace } from './pace.ts';
import type { ReplicaLatency } from './replica-latency.ts';
import { type Share, Shares } from './share.ts';
import { inTurns } from './turns.ts';
import type { Worker } from './worker.ts';

/** One shard on one worker. */
export interface Replica {
  readonly shard: number;
  readonly worker: Worker;
  /** For the statuses of this replica's tasks. */
  readonly breaker: Breaker;
  readonly latency: ReplicaLatency;
  /** How long its tasks take, for slow ejection. */
  readonly pace: Pace;
}

export interface Unassigned {
  readonly task: LeafTask;
  readonly cause: 'unavailable' | 'breaker_open';
  readonly detail: string;
}

export interface Assignment {
  readonly shares: readonly Share[];
  /** Beside them, for tasks that they have too: half-open replicas, which the client isn't to wait for. A task at most for each worker. */
  readonly probes: readonly Share[];
  readonly unassigned: readonly Unassigned[];
}

/** Of one request. */
export interface Wanted extends OwedBy {
  /** As the method's policy has it. */
  readonly by: 'load' | 'turns';
  /** On the clock. */
  readonly now: number;
  /** Whether a newcomer's or half-open replica's first task may be paid for. */
  readonly mayProbe: () => boolean;
  /** A task may run twice, so half-open replicas are probed beside its first attempt. */
  readonly twice: boolean;
}

const NONE: readonly Unassigned[] = [];
const NO_PROBES: readonly Share[] = [];

/** Rises with every change that may make a choice stale: a connection, a breaker. Shared by all sets of a root. */
export interface Availability {
  version: number;
}

export class ReplicaSet {
  readonly topology: Topology;
  /** By shard. */
  readonly #replicas: readonly (readonly Replica[])[];
  /** By shard, as they are asked one after the other. */
  readonly #inTurns: readonly (readonly Replica[])[];
  readonly #availability: Availability;
  readonly #chooser: Chooser;
  /** Of a shard, the most. */
  readonly #most: number;
  #turn = 0;
  /** Assignments of requests to every shard, by turn: valid for `#keptVersion`. */
  #kept: (Assignment | undefined)[] = [];
  #keptTasks: readonly LeafTask[] | undefined;
  #keptVersion = -1;
  /** By shard: the replicas that can be asked, where all its breakers are closed. Valid for `#usableVersion`. */
  #usable: (readonly Replica[] | undefined)[] = [];
  #usableVersion = -1;
  /** Of the assignment that is being made. */
  #probes: Shares | undefined;
  /** The task that is being assigned is there to find out how this one is. */
  #probed: Replica | undefined;

  constructor(
    topology: Topology,
    replicas: readonly (readonly Replica[])[],
    availability: Availability,
    chooser: Chooser,
  ) {
    this.topology = topology;
    this.#replicas = replicas;
    this.#availability = availability;
    this.#chooser = chooser;
    this.#most = replicas.reduce((most, list) => Math.max(most, list.length), 1);
    this.#inTurns = inTurns(replicas, this.#most);
  }

  /** Some shard is on more than one worker. */
  get replicated(): boolean {
    return this.#most > 1;
  }

  /** By shard. */
  get byShard(): readonly (readonly Replica[])[] {
    return this.#replicas;
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

  /** Groups tasks by the worker that is to run them, and counts them as that worker's load. */
  assign(tasks: readonly LeafTask[], wanted: Wanted): Assignment {
    if (wanted.by === 'load' && this.#most > 1) return this.#assign(tasks, wanted, undefined);
    const turn = this.#turn;
    this.#turn = turn + 1 === this.#most ? 0 : turn + 1;
    const { version } = this.#availability;
    // The task list of requests to every shard is one object per shard count, so identity tells.
    if (this.#keptVersion === version && this.#keptTasks === tasks) {
      const kept = this.#kept[turn];
      if (kept !== undefined) {
        for (let i = 0; i < kept.shares.length; i++) {
          const { worker, tasks: mine } = kept.shares[i]!;
          worker.load.sent(mine.length, wanted.now, wanted);
        }
        return kept;
      }
    }
    const assignment = this.#assign(tasks, wanted, turn);
    if (tasks.length === this.#replicas.length && assignment.unassigned.length === 0 && this.#settled()) {
      if (this.#keptVersion !== version || this.#keptTasks !== tasks) this.#kept = new Array(this.#most);
      this.#keptVersion = version;
      this.#keptTasks = tasks;
      this.#kept[turn] = assignment;
    }
    return assignment;
  }

  /**
   * Another replica for a task than those of the workers that tried it, or undefined. Not one that asked to be left alone. The client waits for
   * it, so one of which too little is known is asked only where none is well: a newcomer, and for a retry, which has nobody else to wait for,
   * a half-open one, and then whoever can be reached.
   */
  another(
    shard: number,
    tried: readonly Worker[],
    kind: 'hedge' | 'retry',
    method: Method,
  ): Replica | undefined {
    const { now } = method;
    const list = this.replicasOf(shard);
    const candidates: Replica[] = [];
    let doubt: Doubt = kind === 'retry' ? Doubt.open : Doubt.unknown;
    for (const replica of list) {
      const { worker } = replica;
      if (tried.includes(worker) || !sendable(replica) || worker.load.pushbackUntil > now) continue;
      const its = doubtOf(replica, list, now);
      if (its > doubt) continue;
      if (its < doubt) candidates.length = 0;
      doubt = its;
      candidates.push(replica);
    }
    return candidates.length > 0 ? best(candidates, method, this.#chooser) : undefined;
  }

  /** Every breaker is closed, so that a choice doesn't take one's probe. */
  #settled(): boolean {
    return this.#replicas.every((list) => list.every(closed));
  }

  #assign(tasks: readonly LeafTask[], wanted: Wanted, turn: number | undefined): Assignment {
    const shares = new Shares();
    let unassigned: Unassigned[] | undefined;
    this.#probes = undefined;
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i]!;
      this.#probed = undefined;
      const replica = turn === undefined ? this.#byLoad(task, wanted) : this.#byTurn(task, wanted, turn);
      if (replica === undefined) {
        unassigned ??= [];
        unassigned.push(this.#whyNone(task));
        continue;
      }
      shares.add(task, replica, wanted, replica === this.#probed);
    }
    const probes = (this.#probes as Shares | undefined)?.list ?? NO_PROBES;
    return { shares: shares.list, probes, unassigned: unassigned ?? NONE };
  }

  #byTurn(task: LeafTask, wanted: Wanted, turn: number): Replica | undefined {
    const list = this.#inTurns[task.shard] ?? [];
    let last: Replica | undefined;
    for (let i = 0; i < list.length; i++) {
      const replica = list[(turn + i) % list.length]!;
      if (!sendable(replica)) continue;
      if (closed(replica)) return replica;
      if (allowed(replica)) {
        if (!wanted.twice || !list.some((other) => closed(other) && sendable(other))) return replica;
        this.#probeBeside(task, replica, wanted);
      }
      last ??= replica;
    }
    // Never down to none: a shard whose breakers are all open is still tried where it can be reached.
    return last;
  }

  #byLoad(task: LeafTask, wanted: Wanted): Replica | undefined {
    const { shard } = task;
    if (this.#usableVersion !== this.#availability.version) {
      this.#usableVersion = this.#availability.version;
      this.#usable = [];
    }
    let usable = this.#usable[shard];
    if (usable === undefined) {
      const list = this.replicasOf(shard);
      usable = list.filter(sendable);
      if (list.every(closed)) {
        this.#usable[shard] = usable;
      } else {
        const well = usable.filter(closed);
        for (const replica of usable) {
          if (closed(replica) || !allowed(replica)) continue;
          if (!wanted.twice || well.length === 0) {
            if (this.#probe(replica, usable, wanted)) return replica;
          } else this.#probeBeside(task, replica, wanted);
        }
        // Never down to none, as above.
        if (well.length > 0) usable = well;
      }
    }
    if (usable.length <= 1) return usable[0];
    for (let i = 0; i < usable.length; i++) {
      if (!usable[i]!.latency.known(wanted.now)) return this.#amongNewcomers(usable, wanted);
    }
    return best(usable, wanted, this.#chooser);
  }

  #amongNewcomers(usable: readonly Replica[], wanted: Wanted): Replica {
    const { now } = wanted;
    const { random } = this.#chooser;
    const known: Replica[] = [];
    for (const replica of usable) {
      if (!isNewcomer(replica, usable, now)) known.push(replica);
      else if (mayTry(replica, random, now) && this.#probe(replica, usable, wanted)) return replica;
    }
    return best(known, wanted, this.#chooser);
  }

  /** Whether the replica gets this task to show how it is: alone at it, and paid for where the task could go elsewhere. */
  #probe(replica: Replica, siblings: readonly Replica[], { mayProbe }: Wanted): boolean {
    if (replica.latency.trying) return false;
    if (siblings.length > 1 && !mayProbe()) return false;
    replica.latency.trying = true;
    this.#probed = replica;
    return true;
  }

  /** One task tells as much of a worker as all of them, and how long it takes is its replica's own doing. */
  #probeBeside(task: LeafTask, replica: Replica, wanted: Wanted): void {
    this.#probes ??= new Shares();
    if (this.#probes.list.some(({ worker }) => worker === replica.worker) || !wanted.mayProbe()) return;
    this.#probes.add(task, replica, wanted);
  }

  #whyNone(task: LeafTask): Unassigned {
    const list = this.replicasOf(task.shard);
    if (list.length === 0) {
      return { task, cause: 'unavailable', detail: `no worker has shard ${task.shard} in the topology` };
    }
    const reasons = list.map(
      (replica) => `${replica.worker.id} (${replica.worker.address}) ${describe(replica)}`,
    );
    const open = list.every(refuses);
    return { task, cause: open ? 'breaker_open' : 'unavailable', detail: reasons.join('; ') };
  }
}

function reachable({ worker, shard }: Replica): boolean {
  return worker.connected && !worker.draining && worker.serves(shard);
}

/** An operator opened its breaker: nothing is sent to it, even if it is the last. */
function refuses({ worker, breaker }: Replica): boolean {
  return worker.breaker.refuses || breaker.refuses;
}

/** Could be asked, be it as the last resort. */
export function sendable(replica: Replica): boolean {
  return reachable(replica) && !refuses(replica);
}

function allowed(replica: Replica): boolean {
  return replica.worker.breaker.allows && replica.breaker.allows;
}

function closed({ worker, breaker }: Replica): boolean {
  return worker.breaker.state === 'closed' && breaker.state === 'closed';
}

/** Nearly all of its tasks took ten times the usual or failed, so a second attempt there would be no quicker. */
const HOPELESS = 8;

/** What speaks against asking a replica for what a client waits for, the least first. */
const Doubt = { none: 0, unknown: 1, onTrial: 2, open: 3 } as const;
type Doubt = (typeof Doubt)[keyof typeof Doubt];

function doubtOf(replica: Replica, siblings: readonly Replica[], now: number): Doubt {
  if (!closed(replica)) return allowed(replica) ? Doubt.onTrial : Doubt.open;
  if (replica.latency.relative(now) >= HOPELESS) return Doubt.onTrial;
  if (!isNewcomer(replica, siblings, now)) return Doubt.none;
  // Its first tasks come one at a time.
  return replica.latency.trying ? Doubt.onTrial : Doubt.unknown;
}

function describe(replica: Replica): string {
  const { worker, shard } = replica;
  if (refuses(replica)) return 'is behind a breaker that an operator opened';
  if (!worker.connected)
    return worker.reason === '' ? `is ${worker.state}` : `is ${worker.state}: ${worker.reason}`;
  if (worker.draining) return 'is draining';
  if (!worker.serves(shard)) return `does not serve shard ${shard}`;
  return 'cannot be asked';
}
