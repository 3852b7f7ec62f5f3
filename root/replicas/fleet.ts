/** All workers that the topology names: their connections, the replicas of the current epoch, and what is counted of them. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { BreakerWord } from '../../shared/admin/admin.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { LeafEnd } from '../../shared/link/leaf-call.ts';
import type { Logger } from '../../shared/log/logger.ts';
import type { LinkStateName, RootMetrics, RootWorkerMetrics } from '../../shared/metrics/root.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import type { ClientTls } from '../../shared/tls/credentials.ts';
import type { Attempt, AttemptKind } from '../attempt.ts';
import type { ScatterMetrics } from '../scatter-options.ts';
import type { Topology, TopologyWorker } from '../topology/topology.ts';
import { type ConnectionState, WorkerConnection } from '../upstream/worker-connection.ts';
import type { Chooser } from './balance.ts';
import type { Breaker, BreakerOptions } from './breaker.ts';
import { Breakers, type Overridden } from './breakers.ts';
import type { EjectionOptions } from './ejection.ts';
import { Pace } from './pace.ts';
import { ReplicaLatency } from './replica-latency.ts';
import { type Availability, type Replica, ReplicaSet } from './replica-set.ts';
import type { Worker } from './worker.ts';

export interface FleetOptions {
  readonly plan: ServicePlan;
  readonly rootId: string;
  readonly links: boolean;
  readonly silenceMs: number;
  readonly connectTimeoutMs: number;
  readonly credentials: ChannelCredentials;
  readonly workerTls: ClientTls | undefined;
  readonly breaker: BreakerOptions;
  readonly chooser: Chooser;
  readonly ejection: EjectionOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: RootMetrics;
  /** Every shard has a worker that can be reached, for the first time. */
  readonly onCovered: () => void;
  /** For admission, which is fed by what workers report. */
  readonly onLeafCallEnded: (attempt: Attempt, end: LeafEnd) => void;
}

interface Member {
  readonly connection: WorkerConnection;
  readonly metrics: RootWorkerMetrics;
  /** By shard. Kept over epochs: what is known of a replica doesn't age with the document that names it. */
  readonly replicas: Map<number, Replica>;
}

const linkStateNames: Record<ConnectionState, LinkStateName> = {
  connecting: 'connecting',
  link: 'ready',
  plain: 'plain',
  refused: 'refused',
  down: 'down',
  closed: 'closed',
};

export class Fleet implements ScatterMetrics {
  readonly #options: FleetOptions;
  readonly #availability: Availability = { version: 0 };
  readonly #breakers: Breakers;
  /** By id. */
  readonly #members = new Map<string, Member>();
  /** Metrics by connection, on the way of every leaf call. */
  readonly #metricsOf = new Map<Worker, RootWorkerMetrics>();
  #set: ReplicaSet | undefined;
  /** The set of a newer topology, whose workers are being connected to, and when it is used in any case. */
  #next: { readonly set: ReplicaSet; readonly timer: Timer } | undefined;
  /** Workers that the newest topology doesn't name. They serve until its set is used. */
  #leaving: Member[] = [];
  #everCovered = false;
  #closed = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    const { breaker, ejection, clock, log, metrics } = options;
    this.#breakers = new Breakers({
      breaker,
      ejection,
      clock,
      log,
      metrics,
      onChange: () => this.#changed(),
      replicas: () => this.#set?.byShard ?? [],
    });
  }

  /** Each shard has had a worker. Never false again: being ready must not depend on workers' failures. */
  get everCovered(): boolean {
    return this.#everCovered;
  }

  replicas(): ReplicaSet {
    if (this.#set === undefined) throw new RegatherError('UNAVAILABLE', 'the topology is not loaded yet');
    return this.#set;
  }

  /**
   * Takes a new topology: connections to workers whose id and address stay are kept, the others end when idle. Requests are planned with
   * it as soon as it loses no shard that can be reached now: connecting to new workers takes a moment, for `connectTimeoutMs` at most.
   */
  use(topology: Topology): void {
    this.#next?.timer.cancel();
    this.#next = undefined;
    const byShard: Replica[][] = Array.from({ length: topology.shardCount }, () => []);
    const named = new Set<string>();
    for (const worker of topology.workers) {
      named.add(worker.id);
      const member = this.#memberFor(worker);
      for (const shard of worker.shards) byShard[shard]?.push(this.#replicaOf(member, shard));
    }
    for (const [id, member] of this.#members) {
      if (named.has(id)) continue;
      this.#members.delete(id);
      this.#leaving.push(member);
      this.#breakers.forgetWorker(id);
      this.#options.metrics.forgetWorker(id);
    }
    this.#next = {
      set: new ReplicaSet(topology, byShard, this.#availability, this.#options.chooser),
      timer: this.#options.clock.setTimer(() => this.#useNext(), this.#options.connectTimeoutMs),
    };
    this.#changed();
  }

  close(): void {
    this.#closed = true;
    this.#next?.timer.cancel();
    for (const member of [...this.#members.values(), ...this.#leaving]) {
      for (const { breaker } of member.replicas.values()) breaker.close();
      member.connection.close();
    }
    this.#members.clear();
    this.#leaving = [];
    this.#breakers.close();
  }

  /** An operator's word on a breaker: of a worker, or of a replica as "worker/shard". Throws RegatherError USAGE. */
  override(target: string, word: BreakerWord): Overridden {
    return this.#breakers.override(target, word);
  }

  /** Why it isn't covered: for readiness. */
  whyUncovered(): string[] {
    if (this.#set === undefined) return ['the topology is not loaded yet'];
    return this.#set.uncovered().map((shard) => `shard ${shard} has no worker that can be reached`);
  }

  status(): object {
    const topology = this.#set?.topology;
    const now = this.#options.clock.now();
    return {
      epoch: topology?.epoch,
      shardCount: topology?.shardCount,
      workers: [...this.#members.values()].map(({ connection, replicas }) => ({
        id: connection.id,
        address: connection.address,
        admin: topology?.workers.find(({ id }) => id === connection.id)?.admin,
        state: connection.state,
        reason: connection.reason,
        draining: connection.draining,
        ...breakerStatus(connection.breaker),
        inFlight: connection.inFlight,
        tasks: connection.load.tasks,
        load: connection.load.reported,
        shards: [...replicas.keys()],
        serves: connection.served,
      })),
      shards: (topology === undefined
        ? []
        : Array.from({ length: topology.shardCount }, (_, shard) => shard)
      ).map((shard) => ({
        shard,
        replicas: this.#set!.replicasOf(shard).map(({ worker, breaker, latency }) => ({
          worker: worker.id,
          address: worker.address,
          state: !worker.serves(shard) ? 'not served' : worker.draining ? 'draining' : worker.state,
          ...breakerStatus(breaker),
          latency: Math.round(latency.relative(now) * 100) / 100,
        })),
      })),
    };
  }

  // ScatterMetrics

  tasksSent(worker: Worker, kind: AttemptKind, tasks: number): void {
    this.#metricsOf.get(worker)?.tasks[kind].inc(tasks);
    if (kind === 'retry') this.#options.metrics.retries.inc(tasks);
  }

  leafCallEnded(attempt: Attempt, end: LeafEnd, unusable: number): void {
    this.#options.onLeafCallEnded(attempt, end);
    const { worker } = attempt.share;
    const tasks = attempt.share.tasks.length;
    const outcomes = this.#metricsOf.get(worker);
    const { tasks: counted } = this.#options.metrics;
    const { failures } = end;
    if (failures.length === 0 && unusable === 0) {
      outcomes?.leafCalls.ok.inc();
      counted.answered.inc(tasks);
      return;
    }
    counted.answered.inc(tasks - failures.length - unusable);
    counted.protocol.inc(unusable);
    let transport = false;
    let cancelled = unusable === 0;
    for (const { source, code } of failures) {
      if (source === 'transport') transport = true;
      if (code !== CANCELLED) cancelled = false;
      if (source === 'transport') counted.transport.inc();
      else if (source === 'protocol') counted.protocol.inc();
      else if (code === CANCELLED) counted.cancelled.inc();
      else counted.failed.inc();
    }
    outcomes?.leafCalls[transport ? 'transport' : cancelled ? 'cancelled' : 'failed'].inc();
  }

  #memberFor(worker: TopologyWorker): Member {
    const known = this.#members.get(worker.id);
    if (known !== undefined && known.connection.address === worker.address) {
      known.connection.zone = worker.zone;
      known.connection.weight = worker.weight;
      for (const [shard, { breaker }] of known.replicas) {
        if (worker.shards.includes(shard)) continue;
        known.replicas.delete(shard);
        this.#breakers.forgetReplica(worker.id, shard);
        breaker.close();
      }
      return known;
    }
    if (known !== undefined) {
      this.#members.delete(worker.id);
      this.#leaving.push(known);
    }
    const { options } = { options: this.#options };
    const metrics = options.metrics.worker(worker.id);
    metrics.setLinkState('connecting');
    let everUp = false;
    let isUp = false;
    const log = options.log.child({ worker: worker.id, address: worker.address });
    const connection = new WorkerConnection({
      id: worker.id,
      address: worker.address,
      zone: worker.zone,
      weight: worker.weight,
      credentials: options.credentials,
      workerTls: options.workerTls,
      plan: options.plan,
      rootId: options.rootId,
      links: options.links,
      silenceMs: options.silenceMs,
      connectTimeoutMs: options.connectTimeoutMs,
      breaker: this.#breakers.ofWorker(worker.id, worker.shards),
      clock: options.clock,
      onChange: () => this.#changed(),
      onState: (state, reason) => {
        // One that has left must not speak for the one that has its id now.
        const current = this.#members.get(worker.id);
        if (current !== undefined && current.connection !== connection) return;
        metrics.setLinkState(linkStateNames[state]);
        if (state === 'link' || state === 'plain') {
          if (everUp) {
            metrics.reconnects.inc();
            // Another process, or the same after a pause: what was known of it is of no use.
            for (const { latency } of member.replicas.values()) latency.forget();
            connection.load.forget();
          }
          everUp = true;
          isUp = true;
          log.info(state === 'link' ? 'link is up' : 'worker has no link: it is called directly');
        } else if (state === 'down' || state === 'refused') {
          if (isUp) metrics.losses.inc();
          isUp = false;
          log.warn(state === 'down' ? 'link is down' : 'link is refused', { reason });
        }
      },
    });
    const member: Member = { connection, metrics, replicas: new Map() };
    this.#members.set(worker.id, member);
    this.#metricsOf.set(connection, metrics);
    return member;
  }

  #replicaOf(member: Member, shard: number): Replica {
    let replica = member.replicas.get(shard);
    if (replica === undefined) {
      const { connection } = member;
      replica = {
        shard,
        worker: connection,
        breaker: this.#breakers.ofReplica(connection.id, shard),
        pace: new Pace(),
        latency: new ReplicaLatency(),
      };
      member.replicas.set(shard, replica);
    }
    return replica;
  }

  #drop(member: Member): void {
    this.#metricsOf.delete(member.connection);
    for (const { breaker } of member.replicas.values()) breaker.close();
    member.connection.retire();
  }

  /** Whether requests lose nothing by the next set: no shard that the one in use reaches. */
  #nextReaches(next: ReplicaSet): boolean {
    const uncovered = next.uncovered();
    if (this.#set === undefined || uncovered.length === 0) return true;
    if (this.#set.topology.shardCount !== next.topology.shardCount) return this.#set.uncovered().length > 0;
    const lacking = new Set(this.#set.uncovered());
    return uncovered.every((shard) => lacking.has(shard));
  }

  #useNext(): void {
    const { set, timer } = this.#next!;
    timer.cancel();
    this.#next = undefined;
    this.#set = set;
    this.#options.metrics.topologyEpoch.set(set.topology.epoch);
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const member of leaving) this.#drop(member);
    this.#changed();
  }

  #changed(): void {
    this.#availability.version++;
    if (this.#next !== undefined && !this.#closed && this.#nextReaches(this.#next.set)) {
      this.#useNext();
      return;
    }
    if (this.#everCovered || this.#closed || this.#set === undefined) return;
    if (this.#set.uncovered().length > 0) return;
    this.#everCovered = true;
    this.#options.onCovered();
  }
}

/** For /statusz. */
function breakerStatus({ state, why, override, ejected }: Breaker): object {
  return {
    breaker: state,
    ...(why === '' ? {} : { breakerWhy: why }),
    ...(ejected ? { ejected } : {}),
    ...(override === undefined ? {} : { override }),
  };
}

const CANCELLED = 1;
