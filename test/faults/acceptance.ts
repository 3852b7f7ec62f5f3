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
import { CountedClock } from './counted-clock.ts';
import { measuredOnTime, onTime } from './on-time.ts';
import { quiet } from './quiet.ts';
import { Recovery } from './recovery.ts';
import { type Item, PER_SHARD, type Seen, SHARDS, TOUCHED, UNTOUCHED } from './setting.ts';
import { Stalls } from './stalls.ts';
import type { StatusZ } from './statusz.ts';
import { type Broke, truthful } from './truthful.ts';
import { Witness } from './witness.ts';

const CLIENTS = 4;

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
  /** Connections are lost by it, and made again. Default false. */
  readonly reconnects?: boolean;
  /**
   * What clients give the root: they have no timer of their own, and get what it hands over, when it does. Default 1 s, longer than the silence
   * after which a link is lost.
   */
  readonly timeoutMs?: number;
  /** It is over at once, whatever `lastsMs`: nothing is to be avoided afterwards. Default false. */
  readonly momentary?: boolean;
  /** Streams are under way as well. Default false. */
  readonly streams?: boolean;
  /** The root's connections: links, or unary calls as to workers in any language. Default `link`. */
  readonly by?: 'link' | 'plain';
  /** Extra attempts that are paid for at once, of the budget. Default 100, the root's own. */
  readonly burst?: number;
  /** How replicas are chosen. `turns`: nothing but breakers keeps tasks from what fails. Default `load`. */
  readonly balance?: 'load' | 'turns';
}

/** Tasks of somebody else that one of the untouched has until it is healed: this root can know of them only by what that worker reports. */
const OTHERS = 40;
/**
 * And of the sibling of what is healed, so many that this root is better off with the healed one, however slow it was. They don't keep each
 * other waiting, nor other tasks of their shard: workers have more than twice as many slots.
 */
const OTHERS_LATER = 400;
/** When the last task of a request is placed, the shards before it are. */
const OWN = TOUCHED.length - 1;

export interface Outcome {
  readonly seen: readonly Seen[];
  readonly hedges: number;
  /** Breakers that weren't closed when it was healed. */
  readonly opened: number;
  /** Times that w0 was lost, as the root counts them. */
  readonly losses: number;
  /** Tasks that weren't hedged because the budget was spent. */
  readonly unpaid: number;
  /** Workers that answered first attempts which were sent while it was broken. */
  readonly answering: readonly string[];
}

/** Four worker processes for all faults; each fault has a root of its own. */
export async function startTargets(): Promise<SearchTarget[]> {
  const targets = ['w0', 'w1', 'w2', 'w3'].map(
    (id, i) =>
      new SearchTarget(id, {
        shards: i < 2 ? TOUCHED : UNTOUCHED,
        shardCount: SHARDS,
        replica: i % 2,
        concurrency: 1024,
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
  under: UnderFault,
): Promise<Outcome> {
  const { fault, hits = 'one', lastsMs = 1000, timeoutMs = 1000 } = under;
  const { streams = false, reconnects = false, momentary = false, by = 'link', balance = 'load' } = under;
  const { burst = 100 } = under;
  const witness = new Witness();
  t.teardown(() => witness.stop());
  const clock = new CountedClock();
  const { root, client, admin } = await startRoot(t, targets, {
    clock,
    policy: { ...policy, balance: { by: balance }, budget: { burst } },
    links: by === 'link',
    admin: '127.0.0.1:0',
  });
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
    const metadata = { 'grpc-timeout': `${timeoutMs}m` };
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
      seen.push({ method, timeoutMs, answer, from, to: performance.now(), items: answer.items as Item[] });
      return answer;
    }
    const answer = await client.call(method, request, { metadata });
    seen.push({ method, timeoutMs, answer, from, to: performance.now() });
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
  const statusz = (): StatusZ => root.status() as StatusZ;
  const resting = { root, witness, targets, by };
  while (statusz().workers.some(({ state }) => state !== by)) await sleep(5);
  await whole();
  await quiet(t, resting);
  const timersAtRest = clock.pending;
  const others = await othersAt(targets[3]!, OTHERS);
  t.teardown(others.leave);

  const brokenAt = performance.now();
  let injectedAt = Number.POSITIVE_INFINITY;
  const loaded = load(() => performance.now() - injectedAt >= lastsMs);
  // What is under way is hit as well.
  while (streams ? midway === 0 : witness.open === 0) await sleep(1);
  const injected = await Promise.all(broken.map((target) => log.inject(fault, target)));
  for (const { heal } of injected) t.teardown(heal);
  injectedAt = performance.now();
  const firstBefore = new Map(witness.firstTo);
  await loaded;
  const firstTo = targets.map(({ id }) => (witness.firstTo.get(id) ?? 0) - (firstBefore.get(id) ?? 0));
  const [w0, w1, w2, w3] = firstTo as [number, number, number, number];
  const opened = statusz()
    .shards.flatMap(({ replicas }) => replicas)
    .filter(({ breaker }) => breaker !== 'closed').length;
  const answering = targets
    .map(({ id }) => id)
    .filter((id) => (witness.answeredOf.get(id) ?? 0) > injectedAt);
  others.leave();
  // Only where it isn't hit itself.
  const later = hits === 'one' ? await othersAt(targets[1]!, OTHERS_LATER) : undefined;
  if (later !== undefined) t.teardown(later.leave);
  await Promise.all(injected.map(({ heal }) => heal()));
  const healedAt = performance.now();
  const ids = broken.map(({ id }) => id);
  const healed = {
    ids,
    healedAt,
    brokenMs: healedAt - brokenAt,
    reconnects,
    backoffMs: BACKOFF_MS,
    by,
    atSibling: hits === 'one' ? OTHERS_LATER : OWN,
  };
  const recovery = new Recovery(healed, witness);
  await load(() => recovery.over(statusz()) || recovery.hopeless);
  const recoveredAt = performance.now();
  recovery.check(t, stalls);

  later?.leave();
  await quiet(t, resting);
  t.deepEqual(witness.wrong, []);
  // Links that came back and breakers that closed need none; what is left is no more than at the beginning.
  while (clock.pending > timersAtRest) await sleep(5);
  const budget = 0.1 * witness.first + burst;
  t.true(witness.extra <= budget, `${witness.extra} extra tasks, ${budget} allowed (${witness.first} first)`);
  const broke: Broke = { targets, log, brokenAt, recoveredAt };
  for (const one of seen) truthful(t, one, broke);
  if (hits === 'one') notFailing(t, seen, brokenAt);
  if (hits !== 'all') served(t, seen);
  // No task of theirs takes as long as its deadline.
  else if (fault.effect === 'late')
    for (const { method, answer } of seen) t.is(answer.code, status.OK, `${method}: ${answer.details}`);
  // What workers say of themselves, which only links carry, and how soon they answer, steers where tasks go.
  if (by === 'link' && balance === 'load')
    t.true(w3 < w2 / 2, `${w3} tasks went where ${OTHERS} were, ${w2} where none were`);
  if (hits === 'one' && !momentary)
    t.true(w0 < w1, `${w0} tasks went to the broken one, ${w1} to its sibling`);
  onTime(t, seen, stalls);
  await measuredOnTime(t, admin!, seen, stalls);
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const hedges = [...text.matchAll(/^regather_root_hedges_total\{method="\w+"\} (\d+)$/gm)];
  const unpaid = [...text.matchAll(/^regather_root_not_hedged_total\{[^}]*reason="budget"[^}]*\} (\d+)$/gm)];
  const losses = Number(/^regather_root_link_losses_total\{worker="w0"\} (\d+)$/m.exec(text)?.[1]);
  const sumOf = (found: readonly RegExpExecArray[]): number =>
    found.reduce((sum, [, count]) => sum + Number(count), 0);
  return {
    seen,
    hedges: sumOf(hedges),
    unpaid: sumOf(unpaid),
    opened,
    losses,
    answering,
  };
}

/** They hang there, which takes slots but no time of this machine, until they leave. */
async function othersAt(target: SearchTarget, count: number): Promise<{ leave: () => void }> {
  const client = new SearchClient(target.address);
  const { started } = await target.counts();
  const cancels: (() => void)[] = [];
  for (let i = 0; i < count; i++) {
    void client.call(
      'TopK',
      { text: `somebody else's ${i}`, fault: 'hang' },
      {
        metadata: { 'regather-shard': String(target.shards[0]!) },
        started: (cancel) => cancels.push(cancel),
      },
    );
  }
  while ((await target.counts()).started < started + count) await sleep(5);
  return {
    leave: () => {
      for (const cancel of cancels) cancel();
      client.close();
    },
  };
}

/** A key that one of the untouched shards has. */
function untouchedKey(seed: number): string {
  for (let i = 0; ; i++) {
    const key = `key ${seed} ${i}`;
    if (UNTOUCHED.includes(shardOf(key, SHARDS))) return key;
  }
}

/** With a replica that is well, all shards are to be had: what hangs may fail what each client has under way when it begins. */
function notFailing(t: ExecutionContext, seen: readonly Seen[], brokenAt: number): void {
  const whole = seen.filter(({ method, to }) => method === 'TopK' && to >= brokenAt);
  const failed = whole.filter(({ answer }) => answer.code !== status.OK).length;
  t.log(`${failed} of ${whole.length} whole answers failed`);
  t.true(failed <= CLIENTS, `${failed} of ${whole.length} failed`);
}

/** Tasks take 8 ms at most; this process and four others share two cores. */
const UNTOUCHED_MS = 60;
/** Of partial answers, those that may lack an untouched shard: it was slower than what they waited for. */
const NOT_AWAITED_SHARE = 0.1;

/** Whoever needs nothing of what is broken notices nothing; half of the shards is enough for `Some`, and half are untouched. */
function served(t: ExecutionContext, seen: readonly Seen[]): void {
  const own: number[] = [];
  let partial = 0;
  let without = 0;
  for (const { method, answer, from, to } of seen) {
    if (method !== 'TopK' && answer.code !== status.OK) {
      t.fail(`${method}: ${answer.code} ${answer.details}`);
    }
    if (method === 'Get') own.push(to - from);
    if (method !== 'Some') continue;
    partial++;
    const lacks = answer.coverage?.missing.flatMap(({ shards }) => shards) ?? [];
    if (lacks.some(({ last }) => last >= UNTOUCHED[0]!)) without++;
  }
  own.sort((a, b) => a - b);
  const median = own[own.length >> 1]!;
  t.log(
    `${own.length} untouched in ${median.toFixed(1)} ms; ${without} of ${partial} partial answers without an untouched shard`,
  );
  t.true(median <= UNTOUCHED_MS, `what is untouched took ${median} ms in the median`);
  t.true(
    without <= NOT_AWAITED_SHARE * partial + 1,
    `${without} of ${partial} partial answers lack an untouched shard`,
  );
}
