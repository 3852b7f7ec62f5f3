/** What the scenarios under a schedule are made of, on figures of the test's. */
import test from 'ava';
import { crowded, place } from '../../bench/echo/placement.ts';
import { expectedAnswer, makeRequest, requestId } from '../../bench/echo/shards.ts';
import { capacityPerSecond, placementOf } from '../../bench/measure/experiment.ts';
import { atMostAtBest } from '../../bench/measure/targets.ts';

test('shards are placed in neighbouring groups, and replicas on the workers that follow', (t) => {
  t.deepEqual(place(8, 4).workers, [
    [0, 1],
    [2, 3],
    [4, 5],
    [6, 7],
  ]);
  const { workers } = place(8, 4, 3);
  for (let shard = 0; shard < 8; shard++) {
    const holders = workers.flatMap((shards, worker) => (shards.includes(shard) ? [worker] : []));
    const first = shard >> 1;
    t.deepEqual(holders, [first, (first + 1) % 4, (first + 2) % 4].sort());
  }
  t.throws(() => place(10, 4), { message: /whole groups, got 10 on 4/ });
  t.throws(() => place(4, 2, 3), { message: /a worker for each replica, got 3 of 2/ });
});

test('a crowded placement has the same shards as often, on fewer workers', (t) => {
  const placement = crowded(place(16, 8, 3), 4);
  t.is(placement.workers.length, 4);
  t.deepEqual(placement, place(16, 4, 3));
  t.deepEqual(crowded(place(4, 4), 8), place(4, 4));
});

/** The simulator played eight workers against a smoke run's four. */
test('a smoke run has its shards on four workers, for whoever compares with it too', (t) => {
  const placement = place(16, 8, 3);
  t.deepEqual(placementOf({ placement }, true), place(16, 4, 3));
  t.is(placementOf({ placement }, false), placement);
});

test('a request carries its number, and the answer its text', (t) => {
  for (const id of [0, 7, 9_999_999_999]) t.is(requestId(makeRequest(id)), id);
  t.false(expectedAnswer(16, 1).equals(expectedAnswer(16, 2)));
});

test('capacity is what all slots can do', (t) => {
  const serviceTime = { seed: 1, medianMs: 5, sigma: 0, slowShare: 0.01, slowMs: [100, 500] } as const;
  // 8 workers of 4 slots; an answer takes 16 tasks of 5 + 3 ms.
  t.is(capacityPerSecond({ placement: place(16, 8, 3), serviceTime, slots: 4 }), 32_000 / (16 * 8));
});

test('a cost is told where the interval of the ratios begins', (t) => {
  const over = [10, 11, 12, 10, 11, 12, 10];
  const same = atMostAtBest(
    'same',
    over.map((one, i) => one * (i % 2 === 0 ? 0.97 : 1.04)),
    over,
    1.05,
  );
  t.true(same.value < 1.01, String(same.value));
  t.regex(same.text, /^same \(it ends at 1\.0\d\)$/);
  const dearer = atMostAtBest(
    'dearer',
    over.map((one, i) => one * (i % 2 === 0 ? 1.28 : 1.33)),
    over,
    1.05,
  );
  t.true(dearer.value > 1.2, String(dearer.value));
});
