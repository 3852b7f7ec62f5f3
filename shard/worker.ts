/**
 * A worker: hosts shards and serves them to roots over links, and to any gRPC client through the service's own methods, on one
 * port. Everything in it that runs for a request is elsewhere; this puts it together and takes it apart.
 */
import type { Server } from '@grpc/grpc-js';
import { type AdminServer, startAdmin } from '../shared/admin/admin.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import { type HealthService, healthService } from '../shared/health/health.ts';
import { Lifecycle, type LifecycleState } from '../shared/lifecycle/lifecycle.ts';
import { installSignals } from '../shared/lifecycle/signals.ts';
import { type LinkServer, serveLink } from '../shared/link/server.ts';
import { bind, createServer, shutDown } from '../shared/listen/server.ts';
import { createLogger, type ProcessLog } from '../shared/log/logger.ts';
import { LoopDelayMonitor, loopDelayStatus } from '../shared/loop-delay.ts';
import { createProcessMetrics } from '../shared/metrics/process.ts';
import { MetricRegistry } from '../shared/metrics/registry.ts';
import { createWorkerMetrics, type WorkerMetrics } from '../shared/metrics/worker.ts';
import { version } from '../shared/package.ts';
import type { CustomReducers } from '../shared/reducers/custom.ts';
import { reflectionService } from '../shared/reflection/reflection.ts';
import { compilePlan, type PlanOptions } from '../shared/schema/compile.ts';
import { loadDescriptors } from '../shared/schema/descriptors.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';
import { Alarms } from './alarms.ts';
import type { Combining } from './combine.ts';
import { compileMethods } from './compile-methods.ts';
import { Execution } from './execution.ts';
import type { HandlersOf, Shard, UntypedHandlers } from './handlers.ts';
import type { Host } from './host.ts';
import type { HostedShard } from './hosted-shard.ts';
import { LeafRun } from './leaf-run.ts';
import type { WorkerMethod } from './method.ts';
import {
  type AnyWorkerOptions,
  bounded,
  defaultId,
  shardSet,
  type WorkerOptions,
  type WorkerStart,
} from './options.ts';
import { plainService } from './plain-service.ts';
import { Shards } from './shards.ts';

export type { WorkerHooks, WorkerOptions, WorkerStart } from './options.ts';

export interface Worker {
  readonly state: LifecycleState;
  readonly lifecycle: Lifecycle;
  /**
   * Opens the shards, then listens. What is given here goes before what `createWorker` got. Rejects with a RegatherError, and has
   * cleaned up then; a worker starts once.
   */
  start(overrides?: WorkerStart): Promise<WorkerAddresses>;
  /** Takes no new tasks, resolves when those that run have ended. `lifecycle.undrain` takes it back. */
  drain(): Promise<void>;
  /** Drains, saves, closes the shards and the port. Idempotent. */
  stop(): Promise<void>;
  /** What /statusz shows. */
  status(): object;
}

export interface WorkerAddresses {
  /** As bound: "127.0.0.1:7100". */
  readonly address: string;
  readonly admin?: string;
}

/**
 * Nothing happens before `start`. `H` is the interface of the service's handlers, for instance from `regather types`; without it
 * requests are plain objects.
 */
export function createWorker<H extends HandlersOf<H> = UntypedHandlers>(options: WorkerOptions<H>): Worker {
  return new RegatherWorker(options as AnyWorkerOptions);
}

/** How long draining waits for roots to say that they have heard of it: those that don't answer don't send either. */
const toldWithinMs = 1000;

/** What is open on the port after draining are calls of reflection and the like, which get a moment to end. */
const lastCallsMs = 500;

class RegatherWorker implements Worker {
  readonly lifecycle: Lifecycle;
  readonly #options: AnyWorkerOptions;
  #running: RunningWorker | undefined;

  constructor(options: AnyWorkerOptions) {
    this.#options = options;
    this.lifecycle = new Lifecycle({
      ...(options.drainLimitMs === undefined ? {} : { drainLimitMs: options.drainLimitMs }),
      ...(options.saveLimitMs === undefined ? {} : { saveLimitMs: options.saveLimitMs }),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      onFailure: ({ phase, name, error }) =>
        this.#running?.log.error('A lifecycle hook failed', { phase, hook: name, error }),
    });
  }

  get state(): LifecycleState {
    return this.lifecycle.state;
  }

  async start(overrides: WorkerStart = {}): Promise<WorkerAddresses> {
    if (this.#running !== undefined || this.state !== 'loading') {
      throw new RegatherError('INTERNAL', `Expected a worker that wasn't started, this one is ${this.state}`);
    }
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
    try {
      this.#running = new RunningWorker({ ...this.#options, ...given }, this.lifecycle);
      return await this.#running.start();
    } catch (error) {
      await this.lifecycle.stop('failed to start');
      throw RegatherError.from(error);
    }
  }

  drain(): Promise<void> {
    return this.lifecycle.drain();
  }

  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  status(): object {
    return this.#running?.status() ?? { state: this.state };
  }
}

/** One that was started, with the options it was started with. */
class RunningWorker implements Host {
  readonly log: ProcessLog;
  readonly clock: Clock;
  readonly execution: Execution;
  readonly alarms = new Alarms();
  readonly #loopDelay: LoopDelayMonitor;
  readonly metrics: WorkerMetrics;
  readonly abandonAfterMs: number;
  readonly combine: Combining;
  draining = false;
  readonly #options: AnyWorkerOptions;
  readonly #lifecycle: Lifecycle;
  readonly #id: string;
  readonly #registry = new MetricRegistry();
  readonly #health: HealthService = healthService();
  readonly #shards: Shards;
  readonly #plan: ServicePlan;
  readonly methods: ReadonlyMap<string, WorkerMethod>;
  #server: Server | undefined;
  #link: LinkServer | undefined;
  #admin: AdminServer | undefined;
  #addresses: WorkerAddresses | undefined;
  #removeSignals: (() => void) | undefined;
  #openCalls = 0;
  #idle: (() => void) | undefined;
  /** The time for draining has passed: calls that still run aren't waited for any longer. */
  #cutOff = false;

  constructor(options: AnyWorkerOptions, lifecycle: Lifecycle) {
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.#id = options.id ?? defaultId();
    this.log = options.log ?? createLogger({ fields: { kind: 'worker', id: this.#id } });
    this.clock = options.clock ?? systemClock;
    this.#loopDelay = new LoopDelayMonitor(this.clock);
    this.abandonAfterMs = bounded('abandonAfterMs', options.abandonAfterMs ?? 5_000, 0, 3_600_000);
    this.combine = options.combine ?? 'auto';
    this.execution = new Execution({
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.queue === undefined ? {} : { queue: options.queue }),
      clock: this.clock,
      onDefect: (error) => this.log.error('A task ended in a defect', { error }),
      onHang: ({ method, shard, running }) =>
        this.log.warn('Tasks of a shard hang; more of them wait, so that other shards have slots', {
          method,
          shard,
          slots: running,
        }),
    });
    this.metrics = createWorkerMetrics(this.#registry, {
      queueDepth: () => this.execution.waiting,
      held: () => this.execution.held,
      inFlight: () => this.execution.running,
      links: () => this.#link?.streams ?? 0,
      shards: () => this.shards.size,
    });
    const { name, ...source } = options.service;
    const reducers = options.reducers ?? new Map();
    this.#plan = compilePlan(loadDescriptors(source), name, reducerNames(reducers));
    this.methods = compileMethods({
      plan: this.#plan,
      reducers,
      metrics: this.metrics,
      codec: options.codec ?? {},
    });
    this.#shards = new Shards(shardSet(options), this.log, () => this.clock.now());
  }

  get shards(): ReadonlyMap<number, HostedShard> {
    return this.#shards.byIndex;
  }

  began(): void {
    this.#openCalls += 1;
  }

  ended(): void {
    this.#openCalls -= 1;
    if (this.#openCalls === 0) this.#idle?.();
  }

  async start(): Promise<WorkerAddresses> {
    const options = this.#options;
    this.#hook();
    // Before the shards: while they load, the port tells how far they are.
    const admin = options.admin === undefined ? undefined : await this.#startAdmin(options.admin);
    this.#admin = admin;
    await this.#shards.open([...this.methods.values()], options.open as (shard: Shard) => unknown);
    const server = this.#serve();
    this.#server = server;
    const address = await bind(server, 'worker.listen', options.listen ?? '127.0.0.1:0', options.tls);
    this.#addresses = admin === undefined ? { address } : { address, admin: admin.address };
    if (!this.#lifecycle.ready()) {
      throw new RegatherError('CANCELLED', 'The worker was told to stop while it was starting');
    }
    this.#setServing(true);
    this.log.info('Ready', { ...this.#addresses, service: this.#plan.name, shards: this.#shards.indexes() });
    options.hooks?.onReady?.();
    return this.#addresses;
  }

  /** Everything that the lifecycle has to do on the way down; in place before there is anything to take down. */
  #hook(): void {
    const lifecycle = this.#lifecycle;
    const { hooks = {} } = this.#options;
    const process = createProcessMetrics(this.#registry, { version, kind: 'worker' }, this.#loopDelay);
    this.#loopDelay.start();
    let last: LifecycleState = lifecycle.state;
    lifecycle.onChange((state) => {
      if (state === last) return;
      last = state;
      process.setState(state);
      this.log.info('State', { state });
    });
    lifecycle.onDrain('calls', (signal) => this.#drain(signal));
    if (hooks.onDrain !== undefined) lifecycle.onDrain('hooks.onDrain', hooks.onDrain);
    lifecycle.onUndrain('calls', () => this.#undrain());
    if (hooks.onSave !== undefined) lifecycle.onSave('hooks.onSave', hooks.onSave);
    lifecycle.onStop('close', async (signal) => {
      this.#loopDelay.stop();
      await this.#close();
      await hooks.onStop?.(signal);
      await this.#admin?.close();
      this.#removeSignals?.();
    });
    if (this.#options.signals ?? true) this.#removeSignals = installSignals(lifecycle);
  }

  #serve(): Server {
    const options = this.#options;
    const plan = this.#plan;
    const server = createServer(bounded('maxStreams', options.maxStreams ?? 1000, 1, 2 ** 31 - 1));
    const link = serveLink({
      plan,
      workerId: this.#id,
      shards: () => this.#shards.indexes(),
      shardCount: this.#shards.count,
      maxCalls: bounded('maxCalls', options.maxCalls ?? 10_000, 1, 1_000_000),
      onCall: (call) => LeafRun.start(this, call),
      onRefused: (method, tasks, why) => {
        const refused = this.methods.get(method)?.metrics.notStarted[why];
        if (refused !== undefined) refused.value += tasks;
        // Who drains has told so: nobody comes back to it before it says otherwise.
        return why === 'draining' ? 0 : this.execution.pushbackMs();
      },
      inFlight: () => this.execution.load,
      log: this.log,
      clock: this.clock,
    });
    this.#link = link;
    server.addService(link.definition, link.implementation);
    const plain = plainService(this, this.shards.values());
    server.addService(plain.definition, plain.implementation);
    server.addService(this.#health.definition, this.#health.implementation);
    const reflection = reflectionService(plan.descriptorSet, [plan.name]);
    server.addService(reflection.definition, reflection.implementation);
    server.addService(reflection.definitionV1Alpha, reflection.implementation);
    return server;
  }

  #startAdmin(listen: string): Promise<AdminServer> {
    const options = this.#options;
    return startAdmin({
      listen,
      token: options.adminToken,
      kind: 'worker',
      lifecycle: this.#lifecycle,
      metrics: this.#registry,
      log: this.log,
      status: () => this.status(),
      config: options.config ?? (() => this.#describe()),
      ready: () => ({ ok: true, reasons: [] }),
      version,
    });
  }

  #setServing(serving: boolean): void {
    this.#health.set('', serving);
    this.#health.set(this.#plan.name, serving);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.draining = true;
    this.#shards.abort();
    this.#setServing(false);
    this.#link?.setDraining();
    signal.addEventListener('abort', () => {
      this.#cutOff = this.draining;
    });
    await this.#whenIdle(signal);
  }

  #undrain(): void {
    this.draining = false;
    this.#cutOff = false;
    this.#link?.setDraining(false);
    this.#setServing(true);
  }

  /** No call runs or is on its way here, no handler runs any more, and the answers on links are written. */
  async #whenIdle(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    // Calls that were sent before the root knew are still to be turned away: lost with the link, they couldn't be retried.
    const told = new Promise<void>((resolve) => this.clock.setTimer(resolve, toldWithinMs));
    await Promise.race([this.#link?.barrier(), told, aborted]);
    while (!signal.aborted && (this.#openCalls > 0 || this.#isBusy())) {
      const idle = new Promise<void>((resolve) => {
        if (this.#openCalls > 0) this.#idle = resolve;
        // Nothing tells when the last of these has gone.
        else this.clock.setTimer(resolve, 2);
      });
      await Promise.race([idle, aborted]);
    }
    this.#idle = undefined;
  }

  /** Answers wait for the root's credit, or a handler that was given up still uses its shard. */
  #isBusy(): boolean {
    return this.execution.inFlight > 0 || (this.#link?.calls ?? 0) > 0;
  }

  async #close(): Promise<void> {
    this.#health.close();
    this.#link?.close();
    const address = this.#addresses?.address;
    if (this.#server !== undefined && address !== undefined) {
      await shutDown(this.#server, address, this.#cutOff ? 0 : lastCallsMs);
    }
    await this.#shards.close();
  }

  #describe(): object {
    const { service, shards, shardCount, listen, admin, tls, combine } = this.#options;
    const { concurrency, queue } = this.execution;
    return { service, id: this.#id, shards, shardCount, listen, admin, tls, combine, concurrency, queue };
  }

  status(): object {
    const { execution, metrics } = this;
    return {
      id: this.#id,
      state: this.#lifecycle.state,
      service: this.#plan.name,
      ...this.#addresses,
      shardCount: this.#shards.count,
      shards: this.#shards.status(),
      tasks: {
        running: execution.running,
        waiting: execution.waiting,
        held: execution.held,
        slots: execution.concurrency,
        queue: execution.queue,
        ...execution.counts,
      },
      calls: this.#openCalls,
      loopDelayMs: loopDelayStatus(this.#loopDelay),
      links: this.#link?.streams ?? 0,
      combined: metrics.combines.combined.value,
    };
  }
}

function reducerNames(reducers: CustomReducers): PlanOptions {
  const free = [...reducers.values()].filter((reducer) => reducer.free === true);
  return { customNames: new Set(reducers.keys()), customFree: new Set(free.map(({ name }) => name)) };
}
