/** How an attempt's tasks are counted where hedges were first, told no, turned away or hopeless, and what its end says of its worker. */
import test, { type ExecutionContext } from 'ava';
import { MALFORMED, scatterModel } from '../kit/scatter-model.ts';

/** Shards at one worker, the first of which has been asked of another as well. */
function oneHedged(t: ExecutionContext, { shards = 2, partial = false } = {}) {
  const { asked, start, tail, replicas, clock, close } = scatterModel({ workers: 2, shards, partial });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  for (const hosts of replicas.slice(1)) hosts.splice(1, 1);
  const { collector } = start();
  clock.advance(30);
  const [first, hedge] = asked;
  t.deepEqual(
    hedge!.call.tasks.map(({ shard }) => shard),
    [0],
  );
  return { first: first!, hedge: hedge!, collector };
}

/** A task that a hedge had answered counted twice if its first attempt then sent something malformed: the call was stopped with another task open. */
test('what comes of a task that was beaten already takes nothing from the other tasks of its call', (t) => {
  for (const data of [MALFORMED, undefined]) {
    const { first, hedge, collector } = oneHedged(t);
    hedge.part(0);
    hedge.end();
    first.part(0, data);
    t.false(first.cancelled, 'shard 1 is wanted of it');
    first.part(1);
    first.end();
    t.is(collector.finishedWhy, 'settled');
    t.true(collector.complete);
  }
});

test('the same where the hedge was told no, and the first attempt knows better', (t) => {
  const { first, hedge, collector } = oneHedged(t, { partial: true });
  // NOT_FOUND
  hedge.end({ shard: 0, code: 5 });
  first.part(0);
  t.false(first.cancelled);
  first.part(1);
  t.true(collector.complete);
});

/** One counted for two, and a call of which a beaten task was still open was taken for answered, so that it was left open. */
test('a part that comes twice does not stand for another task of its call', (t) => {
  const { first, hedge, collector } = oneHedged(t, { shards: 3 });
  hedge.part(0);
  hedge.end();
  first.part(1);
  first.part(1);
  first.part(2);
  t.true(collector.complete);
  t.true(first.cancelled);
});

/** A hedge that its worker turned away at once had used up the one that a task gets. */
test('a hedge that never began may go elsewhere', (t) => {
  const { asked, start, tail, clock, close } = scatterModel({ workers: 3 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const { collector } = start();
  clock.advance(30);
  t.is(asked.length, 2);
  asked[1]!.end({ code: 8, notStarted: true });
  clock.advance(20);
  t.is(asked.length, 3);
  t.is(new Set(asked.map(({ worker }) => worker)).size, 3);
  clock.advance(100);
  t.is(asked.length, 3);
  asked[2]!.part(0);
  t.is(collector.finishedWhy, 'settled');
});

/** Those that this root cancelled itself passed for signs of life: a worker that hung looked idle and awake. */
test('the end of a call that its worker did not end is no word from it', (t) => {
  const { asked, start, workers, clock, close } = scatterModel({ workers: 1, shards: 2 });
  t.teardown(close);
  start();
  start();
  clock.advance(50);
  asked[0]!.end({ shard: 0, code: 1 }, { shard: 1, code: 1 });
  t.is(workers[0]!.load.silentMs(clock.now()), 50);
  t.is(workers[0]!.load.tasks, 2);
});

/** A shard that hangs on all its replicas had hedges sent from one to the other, and tasks of the others left alone because so many were slow. */
test('a task whose other replicas are hopeless is not hedged, and does not make all look slow', (t) => {
  const shards = 60;
  const { asked, sent, start, tail, replicas, clock, close } = scatterModel({ workers: 2, shards });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const hung = 40;
  for (let shard = 0; shard < hung; shard++) {
    for (const { latency } of replicas[shard]!) for (let i = 0; i < 100; i++) latency.answered(500, 10, 0);
  }
  start();
  for (let shard = hung; shard < shards - 1; shard++) asked[0]!.part(shard);
  clock.advance(30);
  t.is(sent.hedge, 1);
  t.deepEqual(
    asked[1]!.call.tasks.map(({ shard }) => shard),
    [shards - 1],
  );
});
