/** A root: a gateway before shards. Puts together the listener, the topology, the connections and the admin port. */
import { hostname } from 'node:os';
import type { Server } from '@grpc/grpc-js';
import { type AdminServer, startAdmin } from '../shared/admin/admin.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { type HealthService, healthService } from '../shared/health/health.ts';
import { Lifecycle, type LifecycleState } from '../shared/lifecycle/lifecycle.ts';
import { installSignals } from '../shared/lifecycle/signals.ts';
import { bind, shutDown } from '../shared/listen/server.ts';
import { createLogger, type ProcessLog } from '../shared/log/logger.ts';
import { LoopDelayMonitor, loopDelayStatus } from '../shared/loop-delay.ts';
import { compileMerger } from '../shared/merge/compile.ts';
import { createProcessMetrics } from '../shared/metrics/process.ts';
import { MetricRegistry } from '../shared/metrics/registry.ts';
import { createRootMetrics, type RootMetrics } from '../shared/metrics/root.ts';
import { version } from '../shared/package.ts';
import type { CustomReducers } from '../shared/reducers/custom.ts';
import { reflectionService } from '../shared/reflection/reflection.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';
import { type ClientTls, channelCredentials, type ServerTls } from '../shared/tls/credentials.ts';
import { Admission } from './admission/admission.ts';
import type { ServedMethod } from './answer.ts';
import { causeNumbers, type Missing } from './coverage.ts';
import { createGateway } from './gateway.ts';
import { GatherMemory } from './gather-memory.ts';
import { type MethodPolicyOptions, type Policies, type PolicyOptions, resolvePolicies } from './policy.ts';
import { Fleet } from './replicas/fleet.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import { Tails } from './replicas/tails.ts';
import { MergeTime } from './reserve.ts';
import type { ServingContext } from './serving.ts';
import type { Topology, TopologyProvider } from './topology/topology.ts';

export interface RootOptions {
  readonly plan: ServicePlan;
  readonly topology: TopologyProvider;
  /** "host:port"; port 0 takes a free one. */
  readonly listen: string;
  /** The admin port's address; left out: none. */
  readonly admin?: string;
  readonly adminToken?: string;
  /** How workers and logs name this root. Default: host and process id, which no two roots share. */
  readonly id?: string;
  readonly tls?: ServerTls;
  /** Towards the workers. */
  readonly workerTls?: ClientTls;
  readonly reducers?: CustomReducers;
  /** Default 1000: a client that opens more at once on one connection waits. */
  readonly maxConcurrentStreams?: number;
  /** `false`: workers are called through their plain methods, even those with links. Default true. */
  readonly links?: boolean;
  /** A link with work on it that is silent for this long is lost. Default 800 ms. */
  readonly silenceMs?: number;
  /** Default 1000 ms. */
  readonly connectTimeoutMs?: number;
  /** What all answers together may hold in partials. Default: a quarter of the process's memory. */
  readonly maxGatherBytes?: number;
  /** What is done against slow and failing shards, where it differs from the defaults. */
  readonly policy?: PolicyOptions;
  /** By the method's short name, where one differs from `policy`. */
  readonly methods?: Readonly<Record<string, MethodPolicyOptions>>;
  readonly log?: ProcessLog;
  readonly clock?: Clock;
  /** Where this root is: replicas of the same zone are preferred. Default: all are alike. */
  readonly zone?: string;
  /** Drain on SIGTERM and SIGINT, stop at once on a second one. Default true. */
  readonly signals?: boolean;
  /** For /configz. */
  readonly config?: () => object;
}

export interface Root {
  readonly state: LifecycleState;
  readonly lifecycle: Lifecycle;
  /** Listens, and resolves then: also before any worker could be reached (`readyz` tells). Rejects with a RegatherError. */
  start(): Promise<{ readonly address: string; readonly admin?: string }>;
  /** Takes no new requests and waits for those that run. */
  drain(): Promise<void>;
  /** Drains, then closes everything. Idempotent. */
  stop(): Promise<void>;
  status(): object;
}

/**
 * Streams that nobody ends, such as of a tool that keeps reflection open, are cut off this long after draining began: before the
 * lifecycle's limit, so that they don't count as a failure to stop.
 */
const LAST_CALLS_MS = 20_000;

/**
 * Of what partials may hold, what requests that wait may keep on top: where that is a quarter of the memory a sixteenth, 64 MiB in 1 GiB, which is the
 * longest line there is by default (1000 requests) at 64 KiB each.
 */
const WAITING_SHARE = 1 / 4;

export function createRoot(options: RootOptions): Root {
  return new RegatherRoot(options);
}

class RegatherRoot implements Root {
  readonly lifecycle: Lifecycle;
  readonly #options: RootOptions;
  readonly #id: string;
  readonly #log: ProcessLog;
  readonly #registry: MetricRegistry;
  readonly #metrics: RootMetrics;
  readonly #policies: Policies;
  readonly #tails: Tails;
  readonly #fleet: Fleet;
  readonly #loopDelay: LoopDelayMonitor;
  readonly #memory: GatherMemory;
  readonly #admission: Admission;
  #health: HealthService = healthService();
  #server: Server | undefined;
  #serving: ServingContext | undefined;
  #served: ReadonlyMap<string, ServedMethod> | undefined;
  #admin: AdminServer | undefined;
  #address: string | undefined;
  #pick = 0;

  constructor(options: RootOptions) {
    this.#options = options;
    this.#id = options.id ?? `${hostname()}-${process.pid}`;
    this.#log = options.log ?? createLogger({ fields: { kind: 'root', id: this.#id } });
    this.#policies = resolvePolicies(options.plan, options.policy, options.methods);
    this.#registry = new MetricRegistry();
    this.#metrics = createRootMetrics(this.#registry);
    this.#loopDelay = new LoopDelayMonitor(options.clock ?? systemClock);
    this.lifecycle = new Lifecycle({
      onFailure: ({ phase, name, error }) =>
        this.#log.error('a lifecycle hook failed', { phase, name, error }),
    });
    this.#memory = new GatherMemory(options.maxGatherBytes);
    this.#admission = new Admission(
      { ...this.#policies.root.admission, queueBytes: Math.floor(this.#memory.limitBytes * WAITING_SHARE) },
      options.clock ?? systemClock,
      this.#loopDelay,
      this.#metrics.admission,
    );
    this.#metrics.admission.read(this.#admission);
    this.#tails = new Tails(
      options.plan.methods,
      this.#policies,
      options.clock ?? systemClock,
      { loopDelay: this.#loopDelay, admission: this.#admission },
      this.#metrics.tail,
    );
    this.#fleet = new Fleet({
      plan: options.plan,
      rootId: this.#id,
      links: options.links ?? true,
      silenceMs: options.silenceMs ?? 800,
      connectTimeoutMs: options.connectTimeoutMs ?? 1000,
      credentials: channelCredentials(options.workerTls),
      workerTls: options.workerTls,
      breaker: this.#policies.root.breaker,
      ejection: this.#policies.root.ejection,
      clock: options.clock ?? systemClock,
      chooser: { zone: options.zone, random: Math.random },
      log: this.#log,
      metrics: this.#metrics,
      onCovered: () => this.#covered(),
      onLeafCallEnded: ({ share, scatter }, end) =>
        this.#admission.leafCallEnded(end, share.tasks.length, scatter.calls),
    });
  }

  get state(): LifecycleState {
    return this.lifecycle.state;
  }

  async start(): Promise<{ readonly address: string; readonly admin?: string }> {
    const { options, lifecycle } = { options: this.#options, lifecycle: this.lifecycle };
    const processMetrics = createProcessMetrics(this.#registry, { version, kind: 'root' }, this.#loopDelay);
    this.#loopDelay.start();
    lifecycle.onChange((state) => processMetrics.setState(state));
    if (options.signals !== false) installSignals(lifecycle);
    lifecycle.onDrain('requests', () => this.#drainRequests());
    lifecycle.onUndrain('listener', () => this.#listenAgain());
    lifecycle.onStop('connections', () => this.#close());
    try {
      this.#serving = this.#servingContext();
      this.#served = this.#methods();
      await options.topology.start(
        (topology) => this.#topologyChanged(topology),
        (error) => {
          this.#metrics.topologyErrors.inc();
          this.#log.error('the topology cannot be used; the last good one stays', { error });
        },
      );
      this.#address = await this.#listen(options.listen);
      if (options.admin !== undefined) {
        this.#admin = await startAdmin({
          listen: options.admin,
          ...(options.adminToken === undefined ? {} : { token: options.adminToken }),
          kind: 'root',
          lifecycle,
          metrics: this.#registry,
          log: this.#log,
          status: () => this.status(),
          config: options.config ?? (() => ({})),
          ready: () => this.#readiness(),
          reload: options.topology.reload?.bind(options.topology),
          breaker: (target, word) => this.#fleet.override(target, word),
          version,
        });
      }
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
    this.#log.info('listening', { address: this.#address, admin: this.#admin?.address });
    this.#covered();
    return { address: this.#address, ...(this.#admin === undefined ? {} : { admin: this.#admin.address }) };
  }

  drain(): Promise<void> {
    return this.lifecycle.drain();
  }

  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  status(): object {
    return {
      kind: 'root',
      id: this.#id,
      state: this.state,
      service: this.#options.plan.name,
      address: this.#address,
      inFlight: this.#metrics.inFlight.value,
      ...this.#tails.status(),
      loopDelayMs: loopDelayStatus(this.#loopDelay),
      admission: {
        limit: this.#admission.limit,
        inUse: this.#admission.inUse,
        waiting: this.#admission.waiting,
        waitingBytes: this.#admission.waitingBytes,
      },
      ...this.#fleet.status(),
    };
  }

  #servingContext(): ServingContext {
    const clock = this.#options.clock ?? systemClock;
    const fleet = this.#fleet;
    return {
      clock,
      loopDelay: this.#loopDelay,
      metrics: this.#metrics,
      scatter: { clock, metrics: fleet },
      admission: this.#admission,
      memory: this.#memory,
      replicas: (): ReplicaSet => fleet.replicas(),
      pick: () => {
        this.#pick = (this.#pick + 1) % fleet.replicas().topology.shardCount;
        return this.#pick;
      },
      missing: (missing: readonly Missing[]) => {
        for (const { cause, count } of missing) {
          this.#metrics.missingShards[causeNumbers[cause]]!.inc(count);
        }
      },
    };
  }

  #methods(): ReadonlyMap<string, ServedMethod> {
    const methods = new Map<string, ServedMethod>();
    for (const plan of this.#options.plan.methods) {
      methods.set(plan.name, {
        plan,
        policy: this.#policies.methods.get(plan.name)!,
        tail: this.#tails.of(plan.name),
        merger:
          plan.merge === undefined ? undefined : compileMerger(plan, this.#options.reducers ?? new Map()),
        metrics: this.#metrics.method(plan.name),
        latency: this.#admission.method(),
        merging: new MergeTime(),
      });
    }
    return methods;
  }

  #topologyChanged(topology: Topology): void {
    this.#fleet.use(topology);
    this.#admission.workers(topology.workers.length);
    this.#log.info('topology', {
      epoch: topology.epoch,
      shards: topology.shardCount,
      workers: topology.workers.length,
    });
  }

  /** Ready once every shard has had a worker; what workers do later is told by coverage, not by readiness. */
  #covered(): void {
    if (!this.#fleet.everCovered || this.#address === undefined) return;
    if (this.state === 'loading') {
      this.lifecycle.ready();
      this.#log.info('ready: every shard has a worker');
    }
    if (this.state !== 'ready') return;
    this.#health.set('', true);
    this.#health.set(this.#options.plan.name, true);
  }

  #readiness(): { ok: boolean; reasons: string[] } {
    const reasons: string[] = [];
    if (this.state !== 'ready') {
      if (this.state !== 'loading') reasons.push(`the root is ${this.state}`);
      else if (!this.#fleet.everCovered) reasons.push(...this.#fleet.whyUncovered());
      else reasons.push('the root is loading');
    }
    return { ok: reasons.length === 0, reasons };
  }

  async #drainRequests(): Promise<void> {
    this.#health.set('', false);
    this.#health.set(this.#options.plan.name, false);
    const server = this.#server;
    if (server === undefined || this.#address === undefined) return;
    // GOAWAY: clients open their next call elsewhere, and what runs ends.
    this.#health.close();
    await shutDown(server, this.#address, LAST_CALLS_MS);
  }

  #listen(address: string): Promise<string> {
    const { plan, maxConcurrentStreams, tls } = this.#options;
    const reflection = reflectionService(plan.descriptorSet, [plan.name]);
    this.#server = createGateway({
      plan,
      methods: this.#served!,
      serving: this.#serving!,
      maxConcurrentStreams: maxConcurrentStreams ?? 1000,
      services: [
        this.#health,
        reflection,
        { definition: reflection.definitionV1Alpha, implementation: reflection.implementation },
      ],
    });
    return bind(this.#server, 'root.listen', address, tls);
  }

  /** A server that was shut down doesn't come back: another takes its address. */
  async #listenAgain(): Promise<void> {
    if (this.#address === undefined) return;
    this.#health = healthService();
    this.#address = await this.#listen(this.#address);
    this.#covered();
  }

  async #close(): Promise<void> {
    this.#options.topology.stop();
    // What the drain hook left: a second signal doesn't wait for it.
    if (this.#server !== undefined && this.#address !== undefined) this.#server.drain(this.#address, 0);
    this.#fleet.close();
    this.#loopDelay.stop();
    await this.#admin?.close();
  }
}
