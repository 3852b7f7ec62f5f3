/** A scatter of the root's own, before workers that answer when a test says so, on a clock of its own. */
import { EventEmitter } from 'node:events';
import { Metadata, type ServerUnaryCall, type StatusObject } from '@grpc/grpc-js';
import { Admission } from '../../root/admission/admission.ts';
import type { Attempt, AttemptKind } from '../../root/attempt.ts';
import type { Collector, FinishReason } from '../../root/collector.ts';
import { encodeCoverage } from '../../root/coverage.ts';
import { GatherMemory } from '../../root/gather-memory.ts';
import { planRequest } from '../../root/plan.ts';
import { defaultPolicy, resolvePolicies } from '../../root/policy.ts';
import { Breaker, BreakerWindow, defaultBreakerOptions } from '../../root/replicas/breaker.ts';
import { Pace } from '../../root/replicas/pace.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import { type Replica, ReplicaSet } from '../../root/replicas/replica-set.ts';
import { Tails } from '../../root/replicas/tails.ts';
import { MergeTime } from '../../root/reserve.ts';
import { Scatter } from '../../root/scatter.ts';
import type { ScatterContext } from '../../root/scatter-options.ts';
import type { ServingContext } from '../../root/serving.ts';
import { UnaryAnswer } from '../../root/unary.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { LeafCall, LeafSink, TaskFailure } from '../../shared/link/leaf-call.ts';
import { LEAF_KEY } from '../../shared/link/leaf-metadata.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { Merger } from '../../shared/merge/merger.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { type Coverage, decodeCoverage, searchPlan } from './cluster.ts';
import { modelWorker } from './model-worker.ts';
import { random } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

export const MALFORMED = Buffer.from('malformed');

/** A leaf call that a worker has. */
export interface Asked {
  readonly worker: string;
  readonly call: LeafCall;
  cancelled: boolean;
  ended: boolean;
  /** What its end tells, µs. */
  queueUs: number;
  serviceUs: number;
  part(shard: number, data?: Buffer): void;
  /** The shard is a root, and so much of it is in the answer. */
  below(shard: number, expected: number, answered: number): void;
  end(...failures: readonly Partial<TaskFailure>[]): void;
}

/** Keeps which shards came, and refuses what is `MALFORMED`. */
class Shards implements Collector {
  readonly came = new Set<number>();
  readonly tasks: number;
  finishedWhy: FinishReason | undefined;
  enough = Number.POSITIVE_INFINITY;
  constructor(tasks: number) {
    this.tasks = tasks;
  }
  part(_attempt: Attempt, shards: readonly number[], data: Uint8Array): void {
    if (data === MALFORMED) throw new RegatherError('PARTIAL_MALFORMED', 'not what was asked for');
    for (const shard of shards) this.came.add(shard);
  }
  below(): void {}
  ended(): void {}
  isHeldUp(): boolean {
    return false;
  }
  has(shard: number): boolean {
    return this.came.has(shard);
  }
  get complete(): boolean {
    return this.came.size === this.tasks;
  }
  restartable(): boolean {
    return true;
  }
  lost(): void {}
  enoughAt(): number {
    return this.enough;
  }
  finished(why: FinishReason): void {
    this.finishedWhy = why;
  }
}

export interface ScatterModelOptions {
  readonly workers: number;
  readonly shards?: number;
  readonly partial?: boolean;
  /** Default: `turns`. */
  readonly by?: 'load' | 'turns';
}

export interface ModelAnswerOptions {
  readonly explain?: boolean;
  readonly timeoutMs?: number;
  /** It comes from a root. */
  readonly leaf?: boolean;
  /** What may be held in parts. */
  readonly memoryBytes?: number;
  /** Merging shows that what this shard sent isn't what was asked for. */
  readonly refused?: number;
}

function refusing(merger: Merger, refused: number): Merger {
  return {
    stage: (shards, data, segmentBytes) => merger.stage(shards, data, segmentBytes),
    combine: (parts, context) => merger.combine(parts, context),
    merge(parts, context) {
      if (!parts.some(({ shards }) => shards.includes(refused))) return merger.merge(parts, context);
      throw new RegatherError('PARTIAL_MALFORMED', 'not one item per key', { shards: [refused] });
    },
  };
}

function covered(expected: number, answered: number) {
  const lost = { cause: 'unavailable' as const, detail: 'as told', attempts: 1 };
  const missing = Array.from({ length: expected - answered }, (_, shard) => ({ ...lost, shard }));
  return { expected, answered, documents: undefined, missing };
}

/** Every worker has every shard, and is known; if they take turns, the first request begins with the first of them. */
export function scatterModel({
  workers: count,
  shards = 1,
  partial = false,
  by = 'turns',
}: ScatterModelOptions) {
  const clock = new VirtualClock();
  const metrics = createRootMetrics(new MetricRegistry({ nodeMetrics: false }));
  const window = new BreakerWindow(10_000, clock);
  const newBreaker = (): Breaker => new Breaker(window, defaultBreakerOptions, {}, clock, () => 0.5);
  const asked: Asked[] = [];
  const sent: Record<AttemptKind, number> = { primary: 0, hedge: 0, retry: 0, probe: 0 };
  const scattering: ScatterContext = {
    clock,
    metrics: {
      tasksSent(_worker, kind, tasks) {
        sent[kind] += tasks;
      },
      leafCallEnded() {},
    },
  };
  const run = (worker: string, call: LeafCall, sink: LeafSink) => {
    const one: Asked = {
      worker,
      call,
      cancelled: false,
      ended: false,
      queueUs: 0,
      serviceUs: 0,
      part: (shard, data = Buffer.alloc(0)) => sink.part([shard], data, []),
      below: (shard, expected, answered) =>
        sink.below?.(shard, encodeCoverage({ ...covered(expected, answered), epoch: 1 })),
      end(...failures) {
        if (one.ended) throw new Error('a leaf call ends once');
        one.ended = true;
        const whole = failures.map((failure) => ({
          shard: 0,
          code: 14,
          message: 'as told',
          notStarted: false,
          pushbackMs: 0,
          source: 'task' as const,
          ...failure,
        }));
        sink.end({ failures: whole, queueUs: one.queueUs, serviceUs: one.serviceUs, inFlight: -1 });
      },
    };
    asked.push(one);
    return {
      cancel() {
        one.cancelled = true;
      },
      grant() {},
    };
  };
  const workers = Array.from({ length: count }, (_, i) =>
    modelWorker(`w${i}`, newBreaker(), (call, sink) => run(`w${i}`, call, sink)),
  );
  const replicas = Array.from({ length: shards }, (_, shard) =>
    workers.map((worker): Replica => {
      const latency = new ReplicaLatency();
      for (let i = 0; i < 20; i++) latency.answered(10, 10, 0);
      return { shard, worker, breaker: newBreaker(), latency, pace: new Pace() };
    }),
  );
  const topology = {
    epoch: 1,
    shardCount: shards,
    virtualShards: 4096,
    workers: workers.map(({ id }) => ({ id, address: id, shards: [], weight: 1 })),
  };
  let set = new ReplicaSet(topology, replicas, { version: 0 }, { zone: undefined, random: random(7) });
  const method = searchPlan.methods.find(({ name }) => name === 'TopK')!;
  const policies = resolvePolicies(searchPlan, { balance: { by } });
  const pressure = {
    loopDelay: { p99Ms: 0 },
    admission: { inUse: 0, limit: Number.POSITIVE_INFINITY },
  };
  const loopDelay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };
  const admission = new Admission(
    { ...policies.root.admission, queueBytes: Number.POSITIVE_INFINITY },
    clock,
    loopDelay,
    metrics.admission,
  );
  const tail = new Tails([method], policies, clock, pressure, metrics.tail).of('TopK');
  return {
    clock,
    asked,
    /** Tasks, by kind. */
    sent,
    replicas,
    workers,
    tail,
    admission,
    pressure,
    /** The topology of the next epoch has those workers alone. */
    use(...ids: readonly string[]) {
      const left = replicas.map((list) => list.filter(({ worker }) => ids.includes(worker.id)));
      const next = { ...topology, epoch: 2 };
      set = new ReplicaSet(next, left, { version: 0 }, { zone: undefined, random: random(7) });
    },
    start(timeoutMs = 1000, { explain = false } = {}) {
      const plan = planRequest(method, Buffer.alloc(0), topology, { leaf: false, pick: () => 0 });
      const collector = new Shards(shards);
      const scatter = new Scatter(
        {
          plan,
          replicas: set,
          metadata: [],
          deadline: clock.now() + timeoutMs,
          priority: 0,
          policy: defaultPolicy,
          tail,
          partial,
          minCoverage: undefined,
          explain,
          trace: undefined,
        },
        scattering,
        collector,
      );
      scatter.start();
      return { scatter, collector };
    },
    /** The same for a client's call of the method: calls back with the coverage that it is told. */
    answer(
      told: (coverage: Coverage, trailer: Metadata, status?: Pick<StatusObject, 'code' | 'details'>) => void,
      { explain = false, timeoutMs = 1000, leaf = false, memoryBytes, refused }: ModelAnswerOptions = {},
    ) {
      const asks = new Metadata();
      if (leaf) asks.set(LEAF_KEY, '1');
      if (explain) asks.set('regather-explain', '1');
      const serving: ServingContext = {
        clock,
        metrics,
        loopDelay,
        admission,
        memory: new GatherMemory(memoryBytes),
        scatter: scattering,
        replicas: () => set,
        pick: () => 0,
        missing() {},
      };
      const merger = compileMerger(method, new Map());
      const served = {
        plan: method,
        merger: refused === undefined ? merger : refusing(merger, refused),
        policy: defaultPolicy,
        tail,
        metrics: metrics.method('TopK'),
        latency: admission.method(),
        merging: new MergeTime(),
      };
      const call = Object.assign(new EventEmitter(), {
        request: Buffer.alloc(0),
        metadata: asks,
        getDeadline: () => Date.now() + timeoutMs,
      }) as unknown as ServerUnaryCall<Buffer, Buffer>;
      new UnaryAnswer(serving, served, call, (error, _payload, trailer) => {
        const failure = (error ?? undefined) as StatusObject | undefined;
        const metadata = failure?.metadata ?? trailer!;
        told(decodeCoverage(metadata.get('regather-coverage-bin')[0] as Buffer), metadata, failure);
      }).start();
    },
    /** Opens the breaker and lets its backoff pass: the next request probes it. */
    halfOpen({ breaker }: Replica) {
      breaker.trip({ reason: 'by the test' });
      clock.advance(5000);
    },
    close() {
      for (const { breaker } of workers) breaker.close();
      for (const { breaker } of replicas.flat()) breaker.close();
      window.close();
    },
  };
}
