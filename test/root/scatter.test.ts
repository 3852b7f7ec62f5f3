/** What a scatter makes of its attempts' ends, in orders that real workers seldom come in. */
import test from 'ava';
import type { Coverage } from '../kit/cluster.ts';
import { MALFORMED, scatterModel } from '../kit/scatter-model.ts';

/** What can't be used comes over a link that has nothing to complain of, and so it counted as a success: such a replica was asked for ever. */
test('a replica whose answers cannot be used opens its breaker, and its worker keeps its own', async (t) => {
  const { asked, replicas, workers, start, close } = scatterModel({ workers: 1 });
  t.teardown(close);
  for (let i = 0; i < 20; i++) {
    const { scatter, collector } = start();
    const { part, end } = asked.pop()!;
    part(0, MALFORMED);
    end();
    t.is(collector.finishedWhy, 'settled');
    t.is(scatter.failureOf(0)?.source, 'protocol');
    // opossum counts in microtasks.
    await null;
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.is(replicas[0]![0]!.breaker.state, 'open');
  t.is(workers[0]!.breaker.state, 'closed');
});

test('a probe whose answer cannot be used reopens the breaker', (t) => {
  const { asked, replicas, halfOpen, start, close } = scatterModel({ workers: 1 });
  t.teardown(close);
  const [replica] = replicas[0]!;
  halfOpen(replica!);
  start();
  const [probe] = asked;
  probe!.part(0, MALFORMED);
  probe!.end();
  t.is(replica!.breaker.state, 'open');
});

/** The first attempt failed, a probe beside it hung: the task waited for the probe, although a third replica was there to ask. */
test('nobody waits for a probe while there is another replica to try', (t) => {
  const { asked, replicas, halfOpen, start, clock, close } = scatterModel({ workers: 3 });
  t.teardown(close);
  halfOpen(replicas[0]![0]!);
  const { collector } = start();
  t.deepEqual(
    asked.map(({ worker }) => worker),
    ['w1', 'w0'],
  );
  const [first, probe] = asked;
  first!.end({ code: 14 });
  t.deepEqual(asked.map(({ worker }) => worker).slice(2), ['w2']);
  asked[2]!.part(0);
  asked[2]!.end();
  t.is(collector.finishedWhy, 'settled');
  t.false(probe!.cancelled, 'how it ends is what it was sent for');
  clock.advance(1000);
  t.true(probe!.cancelled, 'at the deadline');
});

/** A hedge was the probe, and waited for, where a replica that was well had more to do. */
test('slow tasks are asked of a replica that is well, not of one that is half-open', (t) => {
  for (const workers of [2, 3]) {
    const model = scatterModel({ workers, shards: 2 });
    const { asked, replicas, tail, clock } = model;
    t.teardown(model.close);
    for (const shard of replicas) model.halfOpen(shard[0]!);
    for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
    const { scatter } = model.start(1000, { explain: true });
    model.workers[2]?.load.sent(3, clock.now());
    clock.advance(30);
    const sent = asked.map(({ worker, call }) => [worker, call.tasks.map(({ shard }) => shard)]);
    const first = [
      ['w1', [0, 1]],
      ['w0', [0]],
    ];
    t.deepEqual(sent, workers === 3 ? [...first, ['w2', [0, 1]]] : first);
    if (workers === 2) t.is(scatter.attempts[0]!.notHedged?.get(1), 'no_replica');
    asked[0]!.end({ shard: 1 });
    if (workers === 2) t.is(asked.at(-1)!.worker, 'w0', 'nobody else is left to retry it on');
  }
});

test('a probe is waited for where nobody else is left, and may still answer', (t) => {
  const { asked, replicas, halfOpen, start, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  halfOpen(replicas[0]![0]!);
  const { collector } = start();
  asked[0]!.end({ code: 14 });
  t.is(asked.length, 2);
  t.is(collector.finishedWhy, undefined);
  asked[1]!.part(0);
  asked[1]!.end();
  t.is(collector.finishedWhy, 'settled');
  t.true(collector.complete);
});

test('what a probe says of the request decides nothing while its primary is at work', (t) => {
  const { asked, replicas, halfOpen, start, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  halfOpen(replicas[0]![0]!);
  const { collector } = start();
  const [first, probe] = asked;
  // UNIMPLEMENTED: a worker that came back as an older version.
  probe!.end({ code: 12 });
  t.is(collector.finishedWhy, undefined);
  first!.part(0);
  first!.end();
  t.true(collector.complete);
});

/** A probe that was given up at its deadline said nothing, unless somebody had looked meanwhile: a hung replica was probed without a backoff. */
test('a probe that hangs until its deadline has failed: the backoff doubles', (t) => {
  const { asked, replicas, halfOpen, start, clock, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  const [sick] = replicas[0]!;
  halfOpen(sick!);
  start();
  const [first, probe] = asked;
  first!.part(0);
  first!.end();
  clock.advance(1000);
  t.true(probe!.cancelled);
  probe!.end({ code: 1 });
  t.is(sick!.breaker.state, 'open');
  clock.advance(9_999);
  t.is(sick!.breaker.state, 'open');
  clock.advance(1);
  t.is(sick!.breaker.state, 'half-open');
});

/**
 * RESOURCE_EXHAUSTED of a handler told nothing of its replica, which had nothing in flight and so was asked first by all: each task cost a retry, and
 * when they were spent, the answer.
 */
test('a replica that says RESOURCE_EXHAUSTED and no more attracts nobody', async (t) => {
  const { asked, replicas, workers, start, clock, tail, close } = scatterModel({ workers: 3, by: 'load' });
  t.teardown(close);
  let first = 0;
  const answered = [];
  for (let i = 0; i < 200; i++) {
    const { collector } = start();
    if (asked.at(-1)!.worker === 'w0') first++;
    for (let one = asked.pop(); one !== undefined; one = asked.pop()) {
      if (one.worker === 'w0') one.end({ code: 8 });
      else {
        one.part(0);
        one.end();
      }
    }
    answered.push(collector.complete);
    clock.advance(1);
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.false(answered.includes(false));
  t.true(first > 0 && first <= 10, `${first} of 200`);
  t.is(tail.budget.spent.retry, first);
  t.deepEqual([replicas[0]![0]!.breaker.state, workers[0]!.breaker.state], ['closed', 'closed']);
});

test('one that never began, or that says when to come back, is not held to be slow for it', (t) => {
  const { asked, replicas, workers, start, clock, close } = scatterModel({ workers: 1 });
  t.teardown(close);
  const [{ latency }] = replicas[0] as [(typeof replicas)[0][0]];
  const usual = latency.relative(clock.now());
  for (const failure of [
    { code: 8, notStarted: true },
    { code: 8, notStarted: true, pushbackMs: 5 },
    { code: 8, pushbackMs: 5 },
  ]) {
    start();
    asked.pop()!.end(failure);
  }
  t.is(latency.relative(clock.now()), usual);
  t.is(workers[0]!.load.pushbackUntil, clock.now() + 5);
  start();
  asked.pop()!.end({ code: 8 });
  t.true(latency.relative(clock.now()) > 2 * usual);
});

/** Its timer held the answer, with all that was gathered, until the deadline, which a client may set to hours. */
test('a probe that has ended leaves no timer', (t) => {
  const { asked, replicas, halfOpen, start, clock, close } = scatterModel({ workers: 2 });
  halfOpen(replicas[0]![0]!);
  start(3_600_000);
  for (const one of asked) {
    one.part(0);
    one.end();
  }
  close();
  // Cancelled ones stay in the clock's heap, and don't pass time.
  const before = clock.now();
  while (clock.step());
  t.is(clock.now(), before);
});

/** One hung shard of sixteen made up the slowest 5 %, so that no task of the others was hedged before it was given up. */
test('what nobody answers, not awaited or timed out, is no measure of when to hedge, but counts against its replica', (t) => {
  const { asked, start, tail, replicas, clock, close } = scatterModel({
    workers: 1,
    shards: 2,
    partial: true,
  });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const slow = (): number => replicas[1]![0]!.latency.relative(clock.now());
  const [before, { collector }] = [slow(), start()];
  clock.advance(40);
  collector.enough = clock.now();
  asked[0]!.part(0);
  clock.advance(1);
  t.is(collector.finishedWhy, 'enough');
  const notAwaited = slow();
  t.true(notAwaited > before);
  start();
  asked[1]!.part(0);
  clock.advance(1000);
  t.true(slow() > notAwaited);
  t.is(tail.latency.count(clock.now()), 302);
});

/** A replica that hangs, and whose clients always leave before their deadline, was never seen to be slow: only answers and deadlines told of it. */
test('tasks of a client that left count against their replicas, if they were open for longer than most', (t) => {
  const { asked, start, tail, replicas, clock, close } = scatterModel({ workers: 1, shards: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(i < 280 ? 10 : 30, clock.now());
  const relative = (): number[] => replicas.map(([only]) => only!.latency.relative(clock.now()));
  const before = { tailMs: tail.latency.tail(clock.now()), relative: relative() };
  for (let i = 0; i < 300; i++) start().scatter.cancel();
  clock.advance(25);
  for (let i = 0; i < 300; i++) {
    const { scatter } = start();
    clock.advance(0.1);
    scatter.cancel();
  }
  t.is(tail.latency.count(clock.now()), 300, 'left early: no sample');
  t.deepEqual(relative(), before.relative);
  const { scatter, collector } = start();
  asked.at(-1)!.part(0);
  clock.advance(before.tailMs + 10);
  const count = tail.latency.count(clock.now());
  const [answered] = relative();
  scatter.cancel();
  t.is(collector.finishedWhy, 'cancelled');
  t.is(tail.latency.count(clock.now()), count);
  t.true(relative()[1]! > before.relative[1]!);
  t.is(relative()[0], answered, 'the other was answered');
});

for (const [what, code] of [
  ['for overload', 8],
  ['because its shard hangs', 14],
] as const) {
  test(`tasks that were in vain, because another was turned away everywhere ${what}, count in the same way`, (t) => {
    const { asked, start, tail, workers, replicas, clock, close } = scatterModel({
      workers: 2,
      shards: 2,
      by: 'load',
    });
    t.teardown(close);
    for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
    // No hedge: its replica has no free slot.
    for (const { load } of workers) load.queueMs = 1000;
    const { collector } = start();
    const [refused, open] = asked;
    clock.advance(100);
    const { shard } = open!.call.tasks[0]!;
    const replica = replicas[shard]!.find(({ worker }) => worker.id === open!.worker)!;
    const before = replica.latency.relative(clock.now());
    const turnedAway = { shard: 1 - shard, code, notStarted: true, pushbackMs: 5 };
    refused!.end(turnedAway);
    asked[2]!.end(turnedAway);
    t.is(collector.finishedWhy, 'in_vain');
    t.true(open!.cancelled);
    t.true(replica.latency.relative(clock.now()) > before);
    t.is(tail.latency.count(clock.now()), 300);
  });
}

/** The part that didn't fit ended the scatter, which then set a timer all the same. */
test('a scatter that ends within a part leaves no timer', (t) => {
  const { asked, start, clock, close } = scatterModel({ workers: 1, shards: 2, partial: true });
  const { scatter, collector } = start();
  collector.part = () => scatter.cancel();
  collector.enough = 500;
  asked[0]!.part(0);
  t.is(collector.finishedWhy, 'cancelled');
  asked[0]!.end({ shard: 1, code: 1 });
  close();
  const before = clock.now();
  while (clock.step());
  t.is(clock.now(), before);
});

/** The loser's coverage, which came while it had other tasks, replaced the winner's: an answer said that it was whole, and wasn't. */
test('what is missing below is told of the attempt whose part is in the answer, not of one that came second', (t) => {
  const { asked, answer, tail, clock, close } = scatterModel({ workers: 2, shards: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const told: Coverage[] = [];
  answer((coverage) => told.push(coverage));
  clock.advance(100);
  const [first, hedge] = asked;
  t.is(hedge!.call.apart, true);
  hedge!.below(0, 2, 1);
  hedge!.part(0);
  first!.below(0, 2, 2);
  first!.part(0);
  first!.below(1, 2, 2);
  first!.part(1);
  t.deepEqual(
    told.map(({ expected, answered }) => [expected, answered]),
    [[4, 3]],
  );
});

/** It counted as complete, whatever it had wanted to say. */
test('a shard that is a root and whose coverage does not add up is malformed', (t) => {
  const { asked, answer, replicas, close } = scatterModel({ workers: 1, shards: 2 });
  t.teardown(close);
  const told: Coverage[] = [];
  answer((coverage) => told.push(coverage));
  const [one] = asked;
  one!.below(0, 0, 0);
  one!.part(0);
  one!.below(1, 2, 2);
  one!.part(1);
  one!.end();
  t.deepEqual(
    told.map(({ expected, answered, missing }) => [expected, answered, missing.map(({ cause }) => cause)]),
    [[3, 2, ['MALFORMED']]],
  );
  t.regex(told[0]!.missing[0]!.detail, /coverage of what is below shard 0 to add up/);
  t.is(replicas[0]![0]!.breaker.state, 'closed');
});

/** It kept the topology that it was planned with while it waited, and failed for workers that had been replaced meanwhile. */
test('a request that waits to be admitted goes by the topology that there is then', (t) => {
  const { asked, answer, admission, tail, use, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  const { limit } = admission;
  admission.enter(limit);
  const told: Coverage[] = [];
  answer((coverage) => told.push(coverage));
  t.is(asked.length, 0);
  use('w1');
  admission.done(limit, admission.method(), undefined);
  t.is(admission.waiting, 0);
  t.deepEqual(
    asked.map(({ worker, call }) => [worker, call.epoch]),
    [['w1', 2]],
  );
  asked[0]!.part(0);
  asked[0]!.end();
  t.like(told, [{ answered: 1, epoch: '2' }]);
  t.is(admission.inUse, 0);
  t.is(tail.budget.spent.retry, 0);
});
