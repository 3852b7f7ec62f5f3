/**
 * A model of the root's core: real planning, scatter, choice of replicas, gather, hedges, probes, retries and merging, before simulated workers that
 * answer in random parts, in random order, twice, late, with garbage or not at all, over random placements of the shards. Time passes
 * between any two of these.
 */
import { EventEmitter } from 'node:events';
import { Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { Admission } from '../../root/admission/admission.ts';
import type { ServedMethod } from '../../root/answer.ts';
import { GatherMemory } from '../../root/gather-memory.ts';
import { defaultPolicy, resolvePolicies } from '../../root/policy.ts';
import { Breaker, BreakerWindow, defaultBreakerOptions } from '../../root/replicas/breaker.ts';
import type { ExtraWork } from '../../root/replicas/budget.ts';
import { Pace } from '../../root/replicas/pace.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import { type Replica, ReplicaSet } from '../../root/replicas/replica-set.ts';
import { Tails } from '../../root/replicas/tails.ts';
import { MergeTime } from '../../root/reserve.ts';
import type { ServingContext } from '../../root/serving.ts';
import { UnaryAnswer } from '../../root/unary.ts';
import type { Clock } from '../../shared/clock.ts';
import type { LeafCall, LeafHandle, LeafSink, TaskFailure } from '../../shared/link/leaf-call.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import { leafContext } from '../../shared/merge/context.ts';
import type { MergeContext } from '../../shared/merge/merger.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { type Coverage, decodeCoverage, searchPlan } from './cluster.ts';
import { modelWorker } from './model-worker.ts';
import { random } from './random.ts';
import { hitsOf } from './search-shard.ts';

export const codecs = methodCodecs(searchPlan);
const REQUEST = Buffer.from(codecs.get('TopK')!.encodeRequest({ text: 'x', limit: 7, offset: 2 }));

/** What each shard answers, whoever is asked. */
function partialOf(shard: number): Buffer {
  return Buffer.from(
    codecs.get('TopK')!.encodeResponse({
      hits: hitsOf(shard),
      total: 20,
      weight: 0.1 * (shard + 1),
      best: shard,
      seen: [`${shard}`],
    }),
  );
}

export interface World {
  readonly shards: number;
  readonly replicas: readonly (readonly number[])[];
  readonly method: 'TopK' | 'Some' | 'Count';
  /** How `Some` is declared; `documents`: the topology tells how many each shard has. */
  readonly enough: { readonly minCoverage: number; readonly quorum?: number; readonly documents?: true };
  /** Drives every choice below. */
  readonly seed: number;
  /** How likely trouble is. */
  readonly trouble: number;
  /** How likely it is that time passes next, so that what is open is hedged. */
  readonly hurry: number;
  /** Extra tasks that may be sent. */
  readonly burst: number;
  /** Nothing is known of the workers above this number, while the others are known. */
  readonly newcomers: number;
  /** The breakers of this worker's replicas are half-open; -1: nobody's are. */
  readonly sick: number;
}

export const world: fc.Arbitrary<World> = fc.integer({ min: 1, max: 8 }).chain((shards) =>
  fc.record({
    shards: fc.constant(shards),
    replicas: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }), {
      minLength: shards,
      maxLength: shards,
    }),
    method: fc.constantFrom('TopK' as const, 'Some' as const, 'Some' as const, 'Count' as const),
    enough: fc.constantFrom<World['enough']>(
      { minCoverage: 0.5 },
      { minCoverage: 0.5, documents: true },
      { minCoverage: 0.75, documents: true },
      { minCoverage: 0.25, quorum: 3 },
      { minCoverage: 0, quorum: 2 },
    ),
    seed: fc.integer(),
    trouble: fc.constantFrom(0, 0.3, 0.6),
    hurry: fc.constantFrom(0, 0.2, 0.5),
    burst: fc.constantFrom(1, 3, 100),
    newcomers: fc.constantFrom(2, 5),
    sick: fc.constantFrom(-1, 0, 3),
  }),
);

export interface Outcome {
  readonly code: number;
  readonly payload: Buffer | undefined;
  readonly coverage: Coverage;
  /** How often each shard's handler began. */
  readonly started: readonly number[];
  readonly replies: number;
  readonly openCalls: number;
  readonly spent: ExtraWork['spent'];
  readonly hedgesWon: number;
  /** Probes that were sent beside first attempts. */
  readonly beside: number;
}

const DEADLINE_MS = 1000;

/** Of a shard; some have none. */
const documentsOf = (shard: number): number => (shard * 7) % 5;

export const sumOf = (shards: readonly number[]): number =>
  shards.reduce((sum, shard) => sum + documentsOf(shard), 0);

function planOf({ method, enough: { minCoverage, quorum } }: World): MethodPlan {
  const declared = searchPlan.methods.find(({ name }) => name === method)!;
  if (method !== 'Some') return declared;
  return { ...declared, minCoverage, ...(quorum === undefined ? {} : { quorum }) };
}

/** The rule, from the declaration alone. */
export function isEnough({ method, enough, shards }: World, covered: readonly number[]): boolean {
  if (covered.length === shards) return true;
  if (method !== 'Some' || covered.length === 0) return false;
  if (enough.minCoverage === 0) return covered.length >= Math.min(enough.quorum!, shards);
  const weight = (list: readonly number[]): number => (enough.documents ? sumOf(list) : list.length);
  const all = Array.from({ length: shards }, (_, shard) => shard);
  if (weight(all) === 0) return covered.length / shards >= enough.minCoverage;
  return weight(covered) / weight(all) >= enough.minCoverage;
}

export function run(given: World): Outcome {
  const { shards, replicas, method, seed, trouble, hurry, burst, newcomers, sick, enough } = given;
  const roll = random(seed);
  const plan = planOf(given);
  const merger = compileMerger(plan, new Map());
  const events: (() => void)[] = [];
  const started = new Array<number>(shards).fill(0);
  let openCalls = 0;
  let now = 0;
  let beside = 0;
  interface Due {
    readonly at: number;
    readonly callback: () => void;
  }
  const timers = new Set<Due>();
  const clock: Clock = {
    now: () => now,
    setTimer: (callback, delayMs) => {
      if (timers.size > beside) throw new Error('one timer per scatter, and one per probe beside it');
      const mine = { at: now + delayMs, callback };
      timers.add(mine);
      return { cancel: () => timers.delete(mine) };
    },
  };
  const nextTimer = (): Due | undefined => [...timers].sort((a, b) => a.at - b.at)[0];
  /** A timer is due. */
  const tick = (timer: Due): void => {
    timers.delete(timer);
    now = Math.max(now, timer.at);
    timer.callback();
  };

  /** A worker's answer to a leaf call, as events that come in any order but for the End, which is last. */
  const asked = new Set<string>();
  const answer = (worker: string, call: LeafCall, sink: LeafSink): LeafHandle => {
    openCalls++;
    if (call.apart === true && sick >= 0 && worker === `w${sick}` && now === 0) beside++;
    for (const { shard } of call.tasks) {
      const pair = `${shard} on ${worker}`;
      if (asked.has(pair)) throw new Error(`a second attempt at ${pair}`);
      asked.add(pair);
    }
    for (let i = 1; i < call.tasks.length; i++) {
      if (call.tasks[i]!.shard <= call.tasks[i - 1]!.shard) throw new Error('the tasks of a call ascend');
    }
    const context: MergeContext = leafContext(plan, call.payload);
    const failures: TaskFailure[] = [];
    const fail = (shard: number, code: number, notStarted: boolean, source: TaskFailure['source']): void => {
      failures.push({ shard, code, message: 'simulated', notStarted, pushbackMs: 0, source });
    };
    const mine: (() => void)[] = [];
    let group: number[] = [];
    const delivered = new Set<number>();
    const flush = (): void => {
      const part = group;
      group = [];
      if (part.length === 0) return;
      const send = (): void => {
        for (const shard of part) delivered.add(shard);
        if (part.length === 1) sink.part(part, partialOf(part[0]!), []);
        else {
          const combined = merger.combine(
            part.map((shard) => ({ shard, payload: partialOf(shard) })),
            context,
          )!;
          sink.part(part, combined.data, combined.segmentBytes);
        }
      };
      mine.push(send);
      // A duplicate, as a broken link might make one.
      if (roll() < trouble / 2) mine.unshift(send);
    };
    const lost = roll() < trouble / 3;
    for (const { shard } of call.tasks) {
      if (lost) {
        const notStarted = roll() < 0.5;
        if (!notStarted) started[shard]!++;
        fail(shard, status.UNAVAILABLE, notStarted, 'transport');
      } else if (roll() < trouble / 2) {
        const kind = roll();
        if (kind >= 0.3) started[shard]!++;
        if (kind < 0.3) fail(shard, status.UNAVAILABLE, true, 'task');
        else if (kind < 0.5) fail(shard, status.RESOURCE_EXHAUSTED, false, 'task');
        else if (kind < 0.7) fail(shard, status.UNAVAILABLE, false, 'task');
        else if (kind < 0.9) fail(shard, status.INTERNAL, false, 'task');
        else mine.push(() => sink.part([shard], Buffer.from([0x0a, 0xff, 0x01]), []));
      } else {
        started[shard]!++;
        group.push(shard);
        if (call.apart === true || roll() < 0.4) flush();
      }
    }
    flush();
    let left = mine.length;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      openCalls--;
      sink.end({ failures, queueUs: 0, serviceUs: 0, inFlight: -1 });
    };
    // A task that never answers, and so no End either.
    const hangs = mine.length > 0 && roll() < trouble / 6;
    if (hangs) mine.pop();
    left = mine.length;
    for (const event of mine) {
      events.push(() => {
        if (!ended) event();
        // Whoever has answered everything ends the call, too.
        if (--left === 0 && (!hangs || delivered.size === call.tasks.length)) events.push(end);
      });
    }
    if (mine.length === 0 && !hangs) events.push(end);
    return {
      cancel() {
        for (const { shard } of call.tasks) fail(shard, status.CANCELLED, false, 'task');
        events.push(end);
      },
      grant() {},
    };
  };

  const window = new BreakerWindow(10_000);
  const options = { ...defaultBreakerOptions, minCalls: 1_000_000, backoffMs: 0 };
  const breakers: Breaker[] = [];
  const newBreaker = (): Breaker => {
    const breaker = new Breaker(window, options, {}, clock);
    breakers.push(breaker);
    return breaker;
  };
  const workers = Array.from({ length: 5 }, (_, i) =>
    modelWorker(`w${i}`, newBreaker(), (call, sink) => answer(`w${i}`, call, sink)),
  );
  const set = new ReplicaSet(
    {
      epoch: 3,
      shardCount: shards,
      virtualShards: 4096,
      workers: [],
      ...(enough.documents ? { documents: replicas.map((_, shard) => documentsOf(shard)) } : {}),
    },
    replicas.map((hosts, shard) =>
      hosts.map(
        (host): Replica => ({
          shard,
          worker: workers[host]!,
          breaker: newBreaker(),
          pace: new Pace(),
          latency: latencyOf(host < newcomers),
        }),
      ),
    ),
    { version: 0 },
    { zone: undefined, random: roll },
  );
  if (sick >= 0) {
    for (const { worker, breaker } of set.byShard.flat()) {
      if (worker === workers[sick]) breaker.trip({ reason: 'by the model' });
    }
  }
  const metrics = createRootMetrics(new MetricRegistry({ nodeMetrics: false }));
  const loopDelay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };
  const admission = new Admission(
    { ...defaultPolicy.admission, queueBytes: Number.POSITIVE_INFINITY },
    clock,
    loopDelay,
    metrics.admission,
  );
  const serving: ServingContext = {
    clock,
    metrics,
    loopDelay,
    admission,
    memory: new GatherMemory(),
    scatter: { clock, metrics: { tasksSent() {}, leafCallEnded() {} } },
    replicas: () => set,
    pick: () => 0,
    missing() {},
  };
  const tail = new Tails(
    [plan],
    resolvePolicies(searchPlan, { budget: { burst, ratio: 0, hedges: 0 } }),
    clock,
    { loopDelay, admission },
    metrics.tail,
  ).of(method);
  for (let i = 0; i < 300; i++) tail.latency.record(10, now);
  const served: ServedMethod = {
    plan,
    merger,
    policy: defaultPolicy,
    tail,
    metrics: metrics.method(method),
    latency: admission.method(),
    merging: new MergeTime(),
  };
  const call = Object.assign(new EventEmitter(), {
    request: REQUEST,
    metadata: new Metadata(),
    getDeadline: () => Date.now() + DEADLINE_MS,
  }) as unknown as ServerUnaryCall<Buffer, Buffer>;
  let outcome: Outcome | undefined;
  let replies = 0;
  const callback: sendUnaryData<Buffer> = (error, payload, trailer) => {
    replies++;
    const metadata = error === null ? trailer! : (error as { metadata?: Metadata }).metadata!;
    outcome = {
      code: error === null ? status.OK : (error as { code: number }).code,
      payload: payload ?? undefined,
      coverage: decodeCoverage(metadata.get('regather-coverage-bin')[0] as Buffer),
      started,
      replies,
      openCalls,
      spent: tail.budget.spent,
      hedgesWon: 0,
      beside,
    };
  };
  new UnaryAnswer(serving, served, call, callback).start();
  for (;;) {
    const timer = nextTimer();
    if (events.length === 0 && timer === undefined) break;
    // Before the deadline, as far as it can be helped: only what hangs is ended by it, and sometimes what would have come.
    const soon = timer !== undefined && timer.at < DEADLINE_MS / 2;
    if (events.length === 0 || (timer !== undefined && roll() < (soon ? hurry : hurry / 20))) tick(timer!);
    else events.splice(Math.floor(roll() * events.length), 1)[0]!();
  }
  for (const breaker of breakers) breaker.close();
  for (const { id, load } of workers) if (load.tasks !== 0) throw new Error(`${id} has ${load.tasks} tasks`);
  window.close();
  if (metrics.inFlight.value !== 0) throw new Error(`in flight: ${metrics.inFlight.value}`);
  if (serving.memory.heldBytes !== 0) throw new Error(`held: ${serving.memory.heldBytes}`);
  const hedgesWon = metrics.tail.method(method).hedgesWon.value;
  return { ...outcome!, replies, openCalls, hedgesWon, beside };
}

function latencyOf(known: boolean): ReplicaLatency {
  const latency = new ReplicaLatency();
  for (let i = 0; known && i < 30; i++) latency.answered(10, 10, 0);
  return latency;
}

/** The reference: the answer of those shards alone, each with a worker of its own that answers at once. */
export function reference(method: World['method'], covered: readonly number[]): Record<string, unknown> {
  const all = covered
    .flatMap((shard) => hitsOf(shard))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  let weight = 0;
  for (const shard of covered) weight += 0.1 * (shard + 1);
  return codecs.get(method)!.decodeResponse(
    Buffer.from(
      codecs.get(method)!.encodeResponse({
        hits: all.slice(2, 9),
        total: 20 * covered.length,
        weight,
        best: covered.at(-1)!,
        seen: covered.map(String),
      }),
    ),
  ) as Record<string, unknown>;
}
