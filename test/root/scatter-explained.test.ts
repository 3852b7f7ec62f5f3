/** What an explanation says of a scatter's attempts. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { explainOf } from '../kit/cluster.ts';
import { scatterModel } from '../kit/scatter-model.ts';

/** The attempt that was sent first passed for the one that had answered first, if both had, and so for what set the latency. */
test('an explanation names the attempt that answered first, though another answered later', (t) => {
  const { asked, answer, tail, clock, close } = scatterModel({ workers: 2, shards: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const explained: ReturnType<typeof explainOf>[] = [];
  answer((_coverage, trailer) => explained.push(explainOf({ trailer })), { explain: true });
  clock.advance(100);
  const [first, hedge] = asked;
  hedge!.part(0);
  clock.advance(10);
  first!.part(0);
  first!.part(1);
  const { attempts } = explained[0]!.shards.find(({ shard }: { shard: number }) => shard === 0);
  t.deepEqual(
    attempts.map(({ kind, outcome }: { kind: string; outcome: string }) => [kind, outcome]),
    [
      ['PRIMARY', 'BEATEN'],
      ['HEDGE', 'ANSWERED'],
    ],
  );
});

/** A loser that ended before the answer did passed for one that had failed: its end said CANCELLED. */
test('an attempt whose tasks were all answered elsewhere was beaten, also if its end comes first', (t) => {
  const { asked, answer, tail, replicas, clock, close } = scatterModel({ workers: 2, shards: 3 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  replicas[2]!.splice(1, 1);
  const explained: ReturnType<typeof explainOf>[] = [];
  answer((_coverage, trailer) => explained.push(explainOf({ trailer })), { explain: true });
  clock.advance(100);
  const [first, hedge] = asked;
  t.deepEqual(
    hedge!.call.tasks.map(({ shard }) => shard),
    [0, 1],
  );
  first!.part(0);
  first!.part(1);
  t.true(hedge!.cancelled);
  const stopped = { code: status.CANCELLED, message: 'The call was cancelled' };
  hedge!.end({ shard: 0, ...stopped }, { shard: 1, ...stopped });
  clock.advance(10);
  first!.part(2);
  const [{ verdict, shards }] = explained as [ReturnType<typeof explainOf>];
  t.regex(verdict, /^shard 2 on w0: .*; hedge not sent: no other replica$/);
  for (const { shard, attempts } of shards) {
    t.deepEqual(
      attempts.map(({ outcome, detail }: { outcome: string; detail: string }) => [outcome, detail]),
      [['ANSWERED', ''], ...(shard === 2 ? [] : [['BEATEN', '']])],
    );
  }
});

/** There was one reason per request: a shard that was hedged, or left alone for another reason, after it took its place. */
for (const refused of [0, 1]) {
  const hedged = 1 - refused;
  for (const last of [refused, hedged]) {
    test(`shard ${refused} left alone, shard ${hedged} hedged, shard ${last} last: each says why or why not`, (t) => {
      const { asked, answer, tail, replicas, workers, clock, close } = scatterModel({
        workers: 3,
        shards: 2,
      });
      t.teardown(close);
      for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
      for (let i = 0; i < 100; i++) workers[1]!.load.measured(0, 10_000);
      replicas[refused]!.splice(2, 1);
      replicas[hedged]!.splice(1, 1);
      const explained: ReturnType<typeof explainOf>[] = [];
      answer((_coverage, trailer) => explained.push(explainOf({ trailer })), { explain: true });
      clock.advance(100);
      t.deepEqual(
        asked.map(({ worker, call }) => [worker, call.tasks.map(({ shard }) => shard)]),
        [
          ['w0', [0, 1]],
          ['w2', [hedged]],
        ],
      );
      const parts = [() => asked[0]!.part(refused), () => asked[1]!.part(hedged)];
      if (last === refused) parts.reverse();
      parts[0]!();
      clock.advance(50);
      parts[1]!();
      const [explain] = explained;
      t.true(explain.hedgeAfterUs > 0);
      t.is(explain.notHedged, '');
      const reasons = new Map(
        explain.shards.map((one: { shard: number; notHedged: string }) => [one.shard, one.notHedged]),
      );
      t.is(reasons.get(refused), 'replica_busy');
      t.is(reasons.get(hedged), '');
      t.regex(
        explain.verdict,
        last === refused
          ? /^shard \d on w0: .*; hedge not sent: the other replicas are busy$/
          : /^shard \d on w2 \(hedge, sent after [\d.]+ ms\): answered after [\d.]+ ms of 150 ms$/,
      );
    });
  }
}

test('shards that are left alone for different reasons each keep their own', (t) => {
  const { asked, answer, tail, replicas, workers, clock, close } = scatterModel({ workers: 2, shards: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  for (let i = 0; i < 100; i++) workers[1]!.load.measured(0, 10_000);
  replicas[1]!.splice(1, 1);
  const explained: ReturnType<typeof explainOf>[] = [];
  answer((_coverage, trailer) => explained.push(explainOf({ trailer })), { explain: true });
  clock.advance(100);
  asked[0]!.part(1);
  clock.advance(1);
  asked[0]!.part(0);
  t.deepEqual(
    explained[0]!.shards.map((one: { shard: number; notHedged: string }) => [one.shard, one.notHedged]),
    [
      [0, 'replica_busy'],
      [1, 'no_replica'],
    ],
  );
  t.regex(explained[0]!.verdict, /; hedge not sent: the other replicas are busy$/);
});

test('nothing is kept of reasons that nobody asks for', (t) => {
  const { start, tail, workers, clock, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  for (let i = 0; i < 100; i++) workers[1]!.load.measured(0, 10_000);
  const { scatter } = start();
  clock.advance(100);
  t.true(tail.metrics.notHedged.replica_busy.value > 0);
  t.is(scatter.attempts[0]!.notHedged, undefined);
});

/** They were told as 0, though the end of the attempt says them: whether a failure came from a queue or from a handler couldn't be seen. */
test('an explanation says where the time of a failed attempt went', (t) => {
  const { asked, answer, clock, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  const explained: ReturnType<typeof explainOf>[] = [];
  answer((_coverage, trailer) => explained.push(explainOf({ trailer })), { explain: true });
  clock.advance(10);
  const [first] = asked;
  Object.assign(first!, { queueUs: 2_000, serviceUs: 5_000 });
  first!.end({ code: 14 });
  clock.advance(4);
  asked[1]!.part(0);
  const [failed, retry] = explained[0]!.shards[0].attempts;
  t.like(failed, { outcome: 'FAILED', tookUs: 10_000, queueUs: 2_000, serviceUs: 5_000, heldUs: 0 });
  t.is(failed.wireUs, 3_000);
  t.like(retry, { kind: 'RETRY', outcome: 'ANSWERED', tookUs: 4_000 });
});

/** In a leaf call with others it was counted and explained as a first attempt like them. */
test('a probe that travels with first attempts is counted and explained as a probe', (t) => {
  const { asked, answer, replicas, sent, tail, close } = scatterModel({ workers: 2, shards: 20, by: 'load' });
  t.teardown(close);
  replicas[7]![0]!.latency.forget();
  let explained: ReturnType<typeof explainOf>;
  let requests = 0;
  while (sent.probe === 0) {
    requests++;
    answer((_coverage, trailer) => (explained = explainOf({ trailer })), { explain: true });
    for (const { call, part, end } of asked.splice(0)) {
      for (const { shard } of call.tasks) part(shard);
      end();
    }
  }
  t.deepEqual(sent, { primary: 20 * requests - 1, probe: 1, hedge: 0, retry: 0 });
  t.is(tail.budget.spent.probe, 1);
  t.deepEqual([explained.primaries, explained.probes], [19, 1]);
  const kinds = { w0: [] as string[], w1: [] as string[] };
  for (const { shard, attempts } of explained.shards) {
    const [{ kind, worker }] = attempts;
    kinds[worker as 'w0' | 'w1'].push(kind);
    if (shard === 7) t.deepEqual([kind, worker], ['PROBE', 'w0']);
  }
  t.true(kinds.w0.length > 1, 'others went along');
  t.is(kinds.w0.filter((kind) => kind === 'PROBE').length, 1);
  t.false(kinds.w1.includes('PROBE'));
});
