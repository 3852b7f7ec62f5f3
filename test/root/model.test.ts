/**
 * A model of the root's core: real planning, scatter, gather, retries and merging, before simulated workers that answer in random parts, in
 * random order, twice, late, with garbage or not at all, over random placements of the shards. Checks G2, G3 and G4 to the byte.
 */
import { EventEmitter } from 'node:events';
import { Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import test from 'ava';
import fc from 'fast-check';
import { Admission } from '../../root/admission/admission.ts';
import type { ServedMethod } from '../../root/answer.ts';
import { GatherMemory } from '../../root/gather-memory.ts';
import { defaultPolicy } from '../../root/policy.ts';
import { Breaker, BreakerWindow, defaultBreakerOptions } from '../../root/replicas/breaker.ts';
import { WorkerLoad } from '../../root/replicas/load.ts';
import { type Replica, ReplicaSet } from '../../root/replicas/replica-set.ts';
import type { Worker } from '../../root/replicas/worker.ts';
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
import { type Coverage, decodeCoverage, searchPlan } from '../kit/cluster.ts';
import { hitsOf } from '../kit/search-shard.ts';

const codecs = methodCodecs(searchPlan);
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

interface World {
  readonly shards: number;
  readonly replicas: readonly (readonly number[])[];
  readonly method: 'TopK' | 'Some' | 'Count';
  /** Drives every choice below. */
  readonly seed: number;
  /** How likely trouble is. */
  readonly trouble: number;
}

const world: fc.Arbitrary<World> = fc.integer({ min: 1, max: 8 }).chain((shards) =>
  fc.record({
    shards: fc.constant(shards),
    replicas: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 2 }), {
      minLength: shards,
      maxLength: shards,
    }),
    method: fc.constantFrom('TopK' as const, 'Some' as const, 'Some' as const, 'Count' as const),
    seed: fc.integer(),
    trouble: fc.constantFrom(0, 0.3, 0.6),
  }),
);

interface Outcome {
  readonly code: number;
  readonly payload: Buffer | undefined;
  readonly coverage: Coverage;
  /** How often each shard's handler began. */
  readonly started: readonly number[];
  readonly replies: number;
  readonly openCalls: number;
}

function run({ shards, replicas, method, seed, trouble }: World): Outcome {
  const roll = random(seed);
  const plan = searchPlan.methods.find(({ name }) => name === method)!;
  const merger = compileMerger(plan, new Map());
  const events: (() => void)[] = [];
  const started = new Array<number>(shards).fill(0);
  let openCalls = 0;
  let expire = (): void => {};
  const clock: Clock = {
    now: () => 0,
    setTimer: (callback) => {
      expire = callback;
      return { cancel() {} };
    },
  };

  /** A worker's answer to a leaf call, as events that come in any order but for the End, which is last. */
  const answer = (call: LeafCall, sink: LeafSink): LeafHandle => {
    openCalls++;
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
        if (roll() < 0.4) flush();
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
  const options = { ...defaultBreakerOptions, minCalls: 1_000_000 };
  const breakers: Breaker[] = [];
  const newBreaker = (): Breaker => {
    const breaker = new Breaker(window, options, () => {}, clock);
    breakers.push(breaker);
    return breaker;
  };
  const workers = Array.from(
    { length: 5 },
    (_, id): Worker => ({
      id: `w${id}`,
      address: `w${id}`,
      zone: undefined,
      weight: 1,
      breaker: newBreaker(),
      load: new WorkerLoad(),
      connected: true,
      draining: false,
      state: 'link',
      reason: '',
      serves: () => true,
      run: answer,
      finished() {},
    }),
  );
  const set = new ReplicaSet(
    { epoch: 3, shardCount: shards, virtualShards: 4096, workers: [] },
    replicas.map((hosts, shard) =>
      hosts.map((host): Replica => ({ shard, worker: workers[host]!, breaker: newBreaker() })),
    ),
    { version: 0 },
  );
  const metrics = createRootMetrics(new MetricRegistry());
  const loopDelay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };
  const admission = new Admission(defaultPolicy.admission, clock, loopDelay, metrics.admission);
  const serving: ServingContext = {
    clock,
    metrics,
    loopDelay,
    admission,
    memory: new GatherMemory(),
    scatter: { clock, metrics: { leafCallEnded() {}, retried() {} } },
    replicas: () => set,
    pick: () => 0,
    missing() {},
  };
  const served: ServedMethod = {
    plan,
    merger,
    policy: defaultPolicy,
    metrics: metrics.method(method),
    latency: admission.method(),
    merging: new MergeTime(),
  };
  const call = Object.assign(new EventEmitter(), {
    request: REQUEST,
    metadata: new Metadata(),
    getDeadline: () => Number.POSITIVE_INFINITY,
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
    };
  };
  new UnaryAnswer(serving, served, call, callback).start();
  const drain = (): void => {
    while (events.length > 0) events.splice(Math.floor(roll() * events.length), 1)[0]!();
  };
  drain();
  // What hangs is ended by the deadline.
  if (outcome === undefined) expire();
  drain();
  for (const breaker of breakers) breaker.close();
  for (const { id, load } of workers) if (load.tasks !== 0) throw new Error(`${id} has ${load.tasks} tasks`);
  window.close();
  if (metrics.inFlight.value !== 0) throw new Error(`in flight: ${metrics.inFlight.value}`);
  if (serving.memory.heldBytes !== 0) throw new Error(`held: ${serving.memory.heldBytes}`);
  return { ...outcome!, replies, openCalls };
}

/** mulberry32: 0 … 1, even, where fast-check's own doubles would cluster at the ends. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The reference: the answer of those shards alone, each with a worker of its own that answers at once. */
function reference(method: World['method'], covered: readonly number[]): Record<string, unknown> {
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

test('random parts, order, duplicates, failures, retries and placements: G2, G3 and G4 hold', (t) => {
  const bytesOf = new Map<string, string>();
  const seen = { complete: 0, partial: 0, failed: 0, retried: 0 };
  fc.assert(
    fc.property(world, (given) => {
      const { code, payload, coverage, started, replies, openCalls } = run(given);
      t.is(replies, 1, 'exactly one reply');
      t.is(openCalls, 0, 'every leaf call ended');
      const missing = new Set<number>();
      for (const { shards, count } of coverage.missing) {
        let counted = 0;
        for (const { first, last } of shards) for (let s = first; s <= last; s++, counted++) missing.add(s);
        t.is(counted, count);
      }
      t.is(coverage.expected, given.shards);
      t.is(coverage.answered + missing.size, given.shards, 'expected == answered + missing');
      if (given.trouble === 0) t.is(code, status.OK);
      // Not idempotent: begun at most once.
      if (given.method === 'Count') for (const times of started) t.true(times <= 1);
      else for (const times of started) t.true(times <= 2, 'one retry');
      if (started.some((times) => times > 1)) seen.retried++;
      if (code !== status.OK) {
        seen.failed++;
        t.true(coverage.answered < given.shards);
        return;
      }
      const covered = Array.from({ length: given.shards }, (_, shard) => shard).filter(
        (s) => !missing.has(s),
      );
      if (missing.size > 0) {
        seen.partial++;
        t.is(given.method, 'Some');
        t.true(covered.length >= given.shards / 2);
      } else seen.complete++;
      const { coverage: _, ...answer } = codecs.get(given.method)!.decodeResponse(payload!) as Record<
        string,
        unknown
      >;
      const { coverage: __, ...expected } = reference(given.method, covered);
      t.deepEqual(answer, expected, 'each covered shard is in the answer once, and wholly');
      // G4: the same shards give the same bytes, however they came. Coverage excepted: only complete answers have equal ones.
      if (missing.size > 0) return;
      const key = String(given.shards);
      const hex = payload!.toString('hex');
      t.is(bytesOf.get(key) ?? hex, hex);
      bytesOf.set(key, hex);
    }),
    { numRuns: 4000 },
  );
  // The model is worth nothing if it never gets where it hurts.
  for (const [what, times] of Object.entries(seen)) t.true(times > 20, `${what}: ${times}`);
});
