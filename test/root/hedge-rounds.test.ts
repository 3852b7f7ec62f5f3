/** When the open tasks of a scatter are asked elsewhere, and looked at again. */
import test from 'ava';
import { stepOf } from '../../root/hedge-rounds.ts';
import { scatterModel } from '../kit/scatter-model.ts';

/** What lay finished at a worker whose flush was late passed for slow: hedges were wasted, or refused because all seemed to be slow. */
test('tasks of a leaf call are hedged when what lay ready at its worker has come', (t) => {
  const { asked, start, tail, clock, close } = scatterModel({ workers: 2, shards: 3 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const { scatter } = start();
  const [first] = asked;
  t.true(first!.call.flushAfterMs > 0);
  clock.advance((scatter.hedging as number) + 2);
  t.is(asked.length, 1, 'nothing has come yet');
  first!.part(0);
  t.is(asked.length, 1, 'more may come with it');
  first!.part(1);
  clock.advance(1);
  t.deepEqual(asked[1]!.call.tasks, [{ shard: 2 }]);
});

test('a worker of which nothing comes is waited for no longer than a flush may be late', (t) => {
  const { asked, start, tail, clock, close } = scatterModel({ workers: 2, shards: 3 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  const { scatter } = start();
  clock.advance((scatter.hedging as number) + 4);
  t.is(asked.length, 1);
  clock.advance(2);
  t.is(asked[1]!.call.tasks.length, 3);
});

test('tasks that are refused together are looked at again together, and count once among the slow', (t) => {
  const { asked, start, tail, pressure, clock, close } = scatterModel({ workers: 2, shards: 50 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  tail.began(1000, clock.now());
  pressure.loopDelay.p99Ms = 100;
  const { scatter } = start(1000, { explain: true });
  clock.advance(3.5 * (scatter.hedging as number));
  t.is(asked.length, 1);
  t.deepEqual([...new Set(scatter.attempts[0]!.notHedged?.values())], ['root_late']);
  t.true(tail.metrics.notHedged.root_late.value >= 150, 'three times');
  pressure.loopDelay.p99Ms = 0;
  clock.advance(3 * (scatter.hedging as number));
  t.is(asked[1]!.call.tasks.length, 50, '150 slow ones of 1,050 would be too many');
});

/** A burst that was over 20 ms later left a task without a hedge for the second that it hung. */
test('what stood in the way of a hedge is looked at again, as long as there is time for a second attempt', (t) => {
  const { asked, start, tail, workers, clock, close } = scatterModel({ workers: 2 });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  for (let i = 0; i < 100; i++) workers[1]!.load.measured(0, 500);
  const first = start(1000, { explain: true });
  const delayMs = first.scatter.hedging as number;
  clock.advance(1.7 * delayMs);
  t.is(asked.length, 1);
  t.is(first.scatter.attempts[0]!.notHedged?.get(0), 'replica_busy');
  t.is(tail.metrics.notHedged.replica_busy.value, 3, 'after 1, 1.25 and 1.5 times the delay');
  for (let i = 0; i < 100; i++) workers[1]!.load.measured(0, 0);
  clock.advance(0.3 * delayMs + 1);
  t.deepEqual(
    asked.map(({ worker }) => worker),
    ['w0', 'w1'],
  );
  t.is(first.scatter.hedging, delayMs, 'what the request was to be hedged after');
  asked[1]!.part(0);
  t.true(first.collector.complete);

  for (let i = 0; i < 100; i++) workers[0]!.load.measured(0, 10_000);
  const second = start(1000, { explain: true });
  t.is(asked[2]!.worker, 'w1');
  clock.advance(999);
  t.is(asked.length, 3);
  t.is(second.scatter.attempts[0]!.notHedged?.get(0), 'replica_busy');
  // At 1 + 1/4, 1 + 1/2, 1 + 1, 1 + 2 … times the delay, up to half of the 1,000 ms.
  const looks = 1 + Math.floor(Math.log2((500 / delayMs - 1) * 4)) + 1;
  t.is(tail.metrics.notHedged.replica_busy.value, 3 + looks);
});

test('steps are the looks at what is left alone: at the delay, a quarter of it later, and then after twice as long each', (t) => {
  const at = (beyondMs: number): number => stepOf(beyondMs, 40);
  t.deepEqual([0, 10, 20, 40, 80, 160].map(at), [0, 1, 2, 3, 4, 5]);
  t.deepEqual([-1, 9, 19, 39].map(at), [0, 1, 2, 3], 'also where a timer is early');
  t.deepEqual([7, 15, 31].map(at), [0, 1, 2]);
  t.is(at(1e9), at(1e6), 'the last has no end');
});

/** All of an answer's tasks were late once, and those of them that hung were taken for slow as all were, for as long as they hung. */
test('after a pause of all workers what hangs is hedged as soon as most of the rest has come', (t) => {
  const shards = 60;
  const { asked, start, tail, clock, close } = scatterModel({ workers: 2, shards });
  t.teardown(close);
  for (let i = 0; i < 300; i++) tail.latency.record(10, clock.now());
  tail.began(100, clock.now());
  const { scatter } = start(1000, { explain: true });
  clock.advance((scatter.hedging as number) + 6);
  t.is(asked.length, 1);
  t.deepEqual([...new Set(scatter.attempts[0]!.notHedged?.values())], ['all_slow']);
  for (let shard = 2; shard < shards; shard++) asked[0]!.part(shard);
  clock.advance(scatter.hedging as number);
  t.deepEqual(
    asked[1]!.call.tasks.map(({ shard }) => shard),
    [0, 1],
  );
});
