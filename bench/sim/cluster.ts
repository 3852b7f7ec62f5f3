/**
 * The root's real code (planning, admission, choice of replicas, hedging, budget, breakers, gather and merging) before simulated workers, on
 * a virtual clock and a machine whose cores it shares with them.
 */
import { EventEmitter } from 'node:events';
import { Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { Admission } from '../../root/admission/admission.ts';
import type { ServedMethod } from '../../root/answer.ts';
import { GatherMemory } from '../../root/gather-memory.ts';
import { type PolicyOptions, resolvePolicies } from '../../root/policy.ts';
import { Breakers } from '../../root/replicas/breakers.ts';
import type { ExtraWork } from '../../root/replicas/budget.ts';
import { Pace } from '../../root/replicas/pace.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import { type Replica, ReplicaSet } from '../../root/replicas/replica-set.ts';
import { Tails } from '../../root/replicas/tails.ts';
import { MergeTime } from '../../root/reserve.ts';
import type { ServingContext } from '../../root/serving.ts';
import { UnaryAnswer } from '../../root/unary.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { LoopDelayMonitor } from '../../shared/loop-delay.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { echoProto, echoResponse } from '../echo/codec.ts';
import type { Placement } from '../echo/placement.ts';
import { makeRequest } from '../echo/shards.ts';
import type { Random } from '../load/random.ts';
import type { VirtualClock } from './clock.ts';
import type { CpuCosts, Machine } from './machine.ts';
import { SimProcess } from './process.ts';
import { SimWorker, type WorkerModel, workerId } from './worker.ts';

export interface ClusterOptions {
  readonly placement: Placement;
  readonly timeoutMs: number;
  readonly policy: PolicyOptions;
  readonly model: Omit<WorkerModel, 'payload' | 'costs' | 'root'>;
  readonly machine: Machine;
  readonly clock: VirtualClock;
  readonly random: Random;
}

export class SimCluster {
  readonly workers: readonly SimWorker[];
  readonly clock: VirtualClock;
  readonly root: SimProcess;
  /** First attempts. */
  primaries = 0;
  readonly #method: ServedMethod;
  readonly #serving: ServingContext;
  readonly #budget: ExtraWork;
  readonly #breakers: Breakers;
  readonly #costs: CpuCosts;
  readonly #loopDelay: LoopDelayMonitor;

  constructor(options: ClusterOptions) {
    const { random, placement, policy, machine } = options;
    this.clock = options.clock;
    // What the root's code takes for time, and for its timers, is its process's.
    const clock = new SimProcess(options.clock, machine);
    this.root = clock;
    this.#costs = machine.costs;
    const service = compilePlan(loadDescriptors({ proto: echoProto }), undefined);
    const plan = { ...service.methods[0]!, timeoutMs: options.timeoutMs };
    const policies = resolvePolicies(service, policy);
    const model = {
      ...options.model,
      payload: echoResponse.encode({ matched: 1 }),
      costs: machine.costs,
      root: clock,
    };
    const metrics = createRootMetrics(new MetricRegistry({ nodeMetrics: false }));
    const availability = { version: 0 };
    this.#breakers = new Breakers({
      breaker: policies.root.breaker,
      ejection: policies.root.ejection,
      clock,
      random,
      log: createLogger({ level: 'silent' }),
      metrics,
      onChange: () => availability.version++,
      replicas: () => set.byShard,
    });
    this.workers = placement.workers.map(
      (_, index) =>
        new SimWorker(
          index,
          this.#breakers.ofWorker(workerId(index), []),
          new SimProcess(options.clock, machine),
          model,
        ),
    );
    const replicas = Array.from({ length: placement.shardCount }, (): Replica[] => []);
    placement.workers.forEach((shards, index) => {
      const worker = this.workers[index]!;
      for (const shard of shards) {
        const breaker = this.#breakers.ofReplica(worker.id, shard);
        replicas[shard]!.push({ shard, worker, breaker, latency: new ReplicaLatency(), pace: new Pace() });
      }
    });
    const topology = {
      epoch: 1,
      shardCount: placement.shardCount,
      virtualShards: 4096,
      workers: this.workers.map(({ id, address }) => ({ id, address, shards: [], weight: 1 })),
    };
    const set = new ReplicaSet(topology, replicas, availability, { zone: undefined, random });
    const loopDelay = new LoopDelayMonitor(clock);
    this.#loopDelay = loopDelay;
    loopDelay.start();
    const admission = new Admission(
      { ...policies.root.admission, queueBytes: Number.POSITIVE_INFINITY },
      clock,
      loopDelay,
      metrics.admission,
      random,
    );
    admission.workers(this.workers.length);
    const tails = new Tails([plan], policies, clock, { loopDelay, admission }, metrics.tail);
    const tail = tails.of(plan.name);
    this.#budget = tail.budget;
    this.#method = {
      plan,
      merger: compileMerger(plan, new Map()),
      policy: policies.methods.get(plan.name)!,
      tail,
      metrics: metrics.method(plan.name),
      latency: admission.method(),
      merging: new MergeTime(),
    };
    this.#serving = {
      clock,
      metrics,
      loopDelay,
      admission,
      memory: new GatherMemory(),
      scatter: {
        clock,
        metrics: {
          tasksSent: (_worker, kind, tasks) => {
            if (kind === 'primary' || kind === 'probe') this.primaries += tasks;
          },
          leafCallEnded: ({ share, scatter }, end) =>
            admission.leafCallEnded(end, share.tasks.length, scatter.calls),
        },
      },
      replicas: () => set,
      pick: () => 0,
      missing: () => undefined,
    };
  }

  /** Hedges, retries and probes so far. */
  get extra(): number {
    const { hedge, retry, probe } = this.#budget.spent;
    return hedge + retry + probe;
  }

  /** One request, of that number; `answered` hears its status once. */
  ask(request: number, answered: (code: number) => void): void {
    const call = Object.assign(new EventEmitter(), {
      request: makeRequest(request),
      metadata: new Metadata(),
      getDeadline: () => Number.POSITIVE_INFINITY,
    }) as unknown as ServerUnaryCall<Buffer, Buffer>;
    const callback: sendUnaryData<Buffer> = (error) =>
      this.root.run(this.#costs.request, () =>
        answered(error === null ? status.OK : ((error as { code?: number }).code ?? status.UNKNOWN)),
      );
    this.root.run(this.#costs.request, () =>
      new UnaryAnswer(this.#serving, this.#method, call, callback).start(),
    );
  }

  close(): void {
    this.#loopDelay.stop();
    this.#breakers.close();
  }
}
