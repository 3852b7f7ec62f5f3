/**
 * What must hold whatever happens to workers, asserted of every fault alike. Four worker processes, each shard on two of them: faults hit the
 * first pair, w0 and w1; w2 and w3 are the untouched, unless a fault is everywhere.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import type { PolicyOptions } from '../../root/policy.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { type Answer, SearchClient, startRoot } from '../kit/cluster.ts';
import type { Fault } from '../kit/faults/fault.ts';
import { FaultLog } from '../kit/faults/fault-log.ts';
import { SearchTarget } from '../kit/faults/search-target.ts';
import { HITS_PER_SHARD } from '../kit/search-shard.ts';
import { CountedClock, Stalls } from './counted-clock.ts';
import { Witness } from './witness.ts';

const SHARDS = 8;
const TOUCHED = [0, 1, 2, 3];
const UNTOUCHED = [4, 5, 6, 7];
/** Clients have no timer of their own: what they get is what the root hands over, when it does. */
const TIMEOUT_MS = 1000;
const CLIENTS = 4;
const LATE_MS = 10;

/** Steps of breakers short, so that recovery is; hedging as soon as anything is known, also where this process is slow. */
const BACKOFF_MS = 250;
const policy: PolicyOptions = {
  breaker: { windowMs: 2000, backoffMs: BACKOFF_MS, maxBackoffMs: BACKOFF_MS },
  hedge: { minSamples: 40, maxLoopDelayMs: 1000 },
};
const serviceTime = { seed: 5, medianMs: 4, sigma: 0.3, slowShare: 0, slowMs: [0, 0] } as const;

export interface UnderFault {
  readonly fault: Fault;
  /** What it hits. Default: one replica, w0. */
  readonly hits?: 'one' | 'shard' | 'all';
  /** How long it lasts under load. Default 1 s. */
  readonly lastsMs?: number;
  /** Streams are under way as well. Default false. */
  readonly streams?: boolean;
}

export interface Seen {
  readonly method: string;
  readonly answer: Answer;
  readonly from: number;
  readonly to: number;
  /** Of a stream. */
  readonly items?: readonly Item[];
}

interface Item {
  readonly id: string;
  readonly shard: number;
}

const PER_SHARD = 20;

/** Tasks of somebody else that one of the untouched has all the while: this root can know of them only by what that worker reports. */
const OTHERS = 40;

export interface Outcome {
  readonly seen: readonly Seen[];
  readonly hedges: number;
}

/** Four worker processes for all faults; each fault has a root of its own. */
export async function startTargets(): Promise<SearchTarget[]> {
  const targets = ['w0', 'w1', 'w2', 'w3'].map(
    (id, i) =>
      new SearchTarget(id, {
        shards: i < 2 ? TOUCHED : UNTOUCHED,
        shardCount: SHARDS,
        replica: i % 2,
        concurrency: 64,
        proxied: true,
        serviceTime,
      }),
  );
  await Promise.all(targets.map((target) => target.start()));
  return targets;
}

/** Breaks it, under load, heals it, and holds the root to its promises all the while. */
export async function holdsUnder(
  t: ExecutionContext,
  targets: readonly SearchTarget[],
  { fault, hits = 'one', lastsMs = 1000, streams = false }: UnderFault,
): Promise<Outcome> {
  const witness = new Witness();
  t.teardown(() => witness.stop());
  const clock = new CountedClock();
  const { root, client, admin } = await startRoot(t, targets, { clock, policy, admin: '127.0.0.1:0' });
  const stalls = new Stalls();
  t.teardown(() => stalls.stop());
  const log = new FaultLog();
  const broken = hits === 'all' ? targets : targets.slice(0, hits === 'one' ? 1 : 2);

  const methods = streams ? ['ListSome', 'Some', 'TopK', 'Get'] : ['Some', 'TopK', 'Get'];
  let asked = 0;
  /** Streams that have had an item of the shards that are hit. */
  let midway = 0;
  const seen: Seen[] = [];
  const ask = async (method: string): Promise<Answer> => {
    const text = `query ${asked++}`;
    const request = method === 'Get' ? { id: untouchedKey(asked) } : { text, limit: 100 };
    const from = performance.now();
    const metadata = { 'grpc-timeout': `${TIMEOUT_MS}m` };
    if (method === 'ListSome') {
      // The first item at once, the others later: whatever goes wrong in between goes wrong in the middle.
      const stream = { perShard: PER_SHARD, bodyBytes: 200, fault: '/sleep:60@*' };
      let begun = false;
      const answer = await client.stream(method, stream, {
        metadata,
        onItem: (item) => {
          if (begun || !TOUCHED.includes((item as Item).shard)) return;
          begun = true;
          midway++;
        },
      });
      if (begun) midway--;
      seen.push({ method, answer, from, to: performance.now(), items: answer.items as Item[] });
      return answer;
    }
    const answer = await client.call(method, request, { metadata });
    seen.push({ method, answer, from, to: performance.now() });
    return answer;
  };
  /** Every worker is connected, and answers are whole. */
  const whole = async (): Promise<void> => {
    for (let good = 0; good < 10; ) good = (await ask('TopK')).code === status.OK ? good + 1 : 0;
  };
  const load = async (until: () => boolean): Promise<void> => {
    const one = async (first: number): Promise<void> => {
      for (let turn = first; !until(); turn++) await ask(methods[turn % methods.length]!);
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => one(i)));
  };
  const connected = (): boolean => workersOf(root.status()).every(({ state }) => state === 'link');
  while (!connected()) await sleep(5);
  await whole();
  await quiet(root, witness, targets);
  const timersAtRest = clock.pending;
  const others = await othersAt(targets[3]!);
  t.teardown(others.leave);

  const brokenAt = performance.now();
  let injectedAt = Number.POSITIVE_INFINITY;
  const loaded = load(() => performance.now() - injectedAt >= lastsMs);
  // What is under way is hit as well.
  while (streams ? midway === 0 : witness.open === 0) await sleep(1);
  const injected = await Promise.all(broken.map((target) => log.inject(fault, target)));
  for (const { heal } of injected) t.teardown(heal);
  injectedAt = performance.now();
  const sentBefore = new Map(witness.tasks);
  await loaded;
  const tasks = new Map([...witness.tasks].map(([id, sent]) => [id, sent - (sentBefore.get(id) ?? 0)]));
  await Promise.all(injected.map(({ heal }) => heal()));
  const healedAt = performance.now();
  // Steps of a link that failed all the time double up to as long as it failed; a worker's breaker has steps of one length.
  const stepMs = Math.max(BACKOFF_MS * 1.2, healedAt - brokenAt);
  const before = seen.length;
  await whole();
  while (!connected()) await sleep(5);
  await whole();
  const recoveredMs = performance.now() - healedAt;
  t.true(
    recoveredMs <= 2 * stepMs + stalls.longestMs + TIMEOUT_MS,
    `recovered after ${Math.round(recoveredMs)} ms, ${seen.length - before} answers; a step is ${Math.round(stepMs)} ms`,
  );

  others.leave();
  await quiet(root, witness, targets);
  t.deepEqual(witness.wrong, []);
  // Links that came back and breakers that closed need none; what is left is no more than at the beginning.
  while (clock.pending > timersAtRest) await sleep(5);
  const budget = 0.1 * witness.first + 100;
  t.true(witness.extra <= budget, `${witness.extra} extra tasks, ${budget} allowed (${witness.first} first)`);
  for (const one of seen) truthful(t, one, targets, log);
  if (hits !== 'all') served(t, seen);
  // What workers say of themselves, and how soon they answer, steers where tasks go.
  const [w0, w1, w2, w3] = targets.map(({ id }) => tasks.get(id) ?? 0) as [number, number, number, number];
  t.true(w3 < w2 / 2, `${w3} tasks went where ${OTHERS} were, ${w2} where none were`);
  if (hits === 'one') t.true(w0 < w1, `${w0} tasks went to the broken one, ${w1} to its sibling`);
  await onTime(t, admin!, stalls.longestMs);
  return { seen, hedges: witness.hedges };
}

/** They hang there, which takes slots but no time of this machine, until they leave. */
async function othersAt(target: SearchTarget): Promise<{ leave: () => void }> {
  const client = new SearchClient(target.address);
  const { started } = await target.counts();
  const cancels: (() => void)[] = [];
  for (let i = 0; i < OTHERS; i++) {
    void client.call(
      'TopK',
      { text: `somebody else's ${i}`, fault: 'hang' },
      {
        metadata: { 'regather-shard': String(target.shards[0]!) },
        started: (cancel) => cancels.push(cancel),
      },
    );
  }
  while ((await target.counts()).started < started + OTHERS) await sleep(5);
  return {
    leave: () => {
      for (const cancel of cancels) cancel();
      client.close();
    },
  };
}

/** Everything has ended, here and at the workers. The test's own time limit is the only one. */
async function quiet(
  root: { status(): object },
  witness: Witness,
  targets: readonly SearchTarget[],
): Promise<void> {
  for (;;) {
    const counts = await Promise.all(targets.map((target) => target.counts()));
    const { inFlight, admission } = root.status() as { inFlight: number; admission: { inUse: number } };
    const atWorkers = workersOf(root.status()).reduce(
      (sum, worker) => sum + worker.inFlight + worker.tasks,
      0,
    );
    const running = counts.reduce((sum, { started, finished }) => sum + started - finished, 0);
    if (inFlight + admission.inUse + atWorkers + running + witness.open === 0) return;
    await sleep(5);
  }
}

function workersOf(statusz: object): { state: string; inFlight: number; tasks: number }[] {
  return (statusz as { workers: { state: string; inFlight: number; tasks: number }[] }).workers;
}

/** A key that one of the untouched shards has. */
function untouchedKey(seed: number): string {
  for (let i = 0; ; i++) {
    const key = `key ${seed} ${i}`;
    if (UNTOUCHED.includes(shardOf(key, SHARDS))) return key;
  }
}

/** Coverage says what is in the answer, by the answer itself, and by what the kit broke. */
function truthful(t: ExecutionContext, one: Seen, targets: readonly SearchTarget[], log: FaultLog): void {
  const { method, answer, from, to } = one;
  const { coverage } = answer;
  if (coverage === undefined) {
    t.fail(`${method} without coverage: ${answer.code} ${answer.details}`);
    return;
  }
  if (method === 'Get') return;
  const missing = coverage.missing.flatMap(({ shards }) =>
    shards.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
  );
  if (coverage.expected !== SHARDS || coverage.answered + missing.length !== SHARDS) {
    t.fail(`${method}: ${JSON.stringify(coverage)}`);
  }
  const { lost } = log.expected(targets, from, to);
  for (const shard of lost)
    if (!missing.includes(shard)) t.fail(`${method} has shard ${shard}, which was gone`);
  const untouched = UNTOUCHED.filter((shard) =>
    targets.every(({ id, shards }) => !shards.includes(shard) || !log.touched(id, from, to)),
  );
  const cut = coverage.missing.some(({ cause }) => cause === 'CANCELLED' || cause === 'NOT_AWAITED');
  for (const shard of untouched) {
    if (missing.includes(shard) && !cut)
      t.fail(`${method} lacks shard ${shard}: ${JSON.stringify(coverage)}`);
  }
  if (answer.code !== status.OK) return;
  if (one.items !== undefined) {
    // No item twice, and all of a shard that isn't missing.
    t.is(new Set(one.items.map(({ id }) => id)).size, one.items.length, 'items');
    for (let shard = 0; shard < SHARDS; shard++) {
      const items = one.items.filter((item) => item.shard === shard).length;
      if (!missing.includes(shard) && items !== PER_SHARD)
        t.fail(`shard ${shard}: ${items} of ${PER_SHARD} items`);
    }
    return;
  }
  // Each shard is in it once, and wholly: its list, its number of hits, and nothing of those that are missing.
  const present = Array.from({ length: SHARDS }, (_, shard) => shard).filter(
    (shard) => !missing.includes(shard),
  );
  const shardsSeen = (answer.response.seen as string[]).map((text) =>
    Number(/^shard (\d+):/.exec(text)?.[1]),
  );
  t.deepEqual(shardsSeen, present, 'seen');
  t.is(answer.response.total, String(present.length * HITS_PER_SHARD), 'total');
  if (method === 'TopK') t.is(present.length, SHARDS);
}

/** Whoever needs nothing of what is broken notices nothing; half of the shards is enough for `Some`, and half are untouched. */
function served(t: ExecutionContext, seen: readonly Seen[]): void {
  for (const { method, answer } of seen) {
    if (method !== 'TopK' && answer.code !== status.OK) {
      t.fail(`${method}: ${answer.code} ${answer.details}`);
    }
  }
}

/** G1, as the root measured it: nothing was handed over later than 10 ms after its deadline, but for what this process stood still. */
async function onTime(t: ExecutionContext, admin: string, stalledMs: number): Promise<void> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const bucket = /^regather_root_deadline_overshoot_seconds_bucket\{method="(\w+)",le="([^"]+)"\} (\d+)$/gm;
  const within = new Map<string, [bound: number, count: number][]>();
  for (const [, method, le, count] of text.matchAll(bucket)) {
    const list = within.get(method!) ?? [];
    list.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), Number(count)]);
    within.set(method!, list);
  }
  t.true(within.size > 0);
  for (const [method, buckets] of within) {
    const all = buckets.at(-1)![1];
    const [bound, count] = buckets.find(([le]) => le * 1000 >= LATE_MS + Math.max(0, stalledMs))!;
    t.is(count, all, `${method}: ${all - count} of ${all} later than ${bound * 1000} ms after the deadline`);
  }
}
