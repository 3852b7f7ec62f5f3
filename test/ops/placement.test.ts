import test from 'ava';
import fc from 'fast-check';
import { doublingBackoff } from '../../cli/up/backoff.ts';
import { defaultWorkers, placeShards } from '../../cli/up/placement.ts';

const clusters = fc
  .tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 5 }))
  .chain(([shards, replicas]) =>
    fc.tuple(
      fc.constant(shards),
      fc.constant(replicas),
      fc.integer({ min: replicas, max: Math.max(replicas, Math.min(20, shards * replicas)) }),
    ),
  );

test('law: each shard is on as many distinct workers as it has replicas, evenly, the same every time', (t) => {
  fc.assert(
    fc.property(clusters, ([shards, replicas, workers]) => {
      const placed = placeShards(shards, replicas, workers);
      t.is(placed.length, workers);
      t.deepEqual(placed, placeShards(shards, replicas, workers));
      const sizes = placed.map((own) => own.length);
      t.true(Math.max(...sizes) - Math.min(...sizes) <= 1, JSON.stringify(placed));
      t.true(Math.min(...sizes) >= 1);
      for (const own of placed) t.is(new Set(own).size, own.length);
      for (let shard = 0; shard < shards; shard++) {
        t.is(placed.filter((own) => own.includes(shard)).length, replicas);
      }
    }),
    { numRuns: 200 },
  );
});

test('the replicas of one worker are spread over all others', (t) => {
  const placed = placeShards(24, 2, 4);
  for (const [i, own] of placed.entries()) {
    const others = placed
      .filter((_, j) => j !== i)
      .map((other) => own.filter((shard) => other.includes(shard)).length);
    t.true(Math.min(...others) > 0, `worker ${i}: ${others}`);
  }
});

test('too few and too many workers are refused with the numbers', (t) => {
  t.throws(() => placeShards(4, 3, 2), {
    message: 'Expected at least 3 workers for 3 replicas of each shard, got 2',
  });
  t.throws(() => placeShards(2, 1, 3), { message: 'Expected at most 2 workers for 2 shards × 1, got 3' });
  t.is(defaultWorkers(1, 1), 1);
  t.is(defaultWorkers(8, 2), 4);
  t.is(defaultWorkers(8, 6), 6);
});

test('restarts wait twice as long each time, up to a limit, and anew after a good while', (t) => {
  const backoff = doublingBackoff({ firstMs: 200, mostMs: 1000, resetAfterMs: 5000 });
  t.deepEqual(
    [0, 0, 0, 0, 10, 6000, 0].map((aliveMs) => backoff.next(aliveMs)),
    [200, 400, 800, 1000, 1000, 200, 400],
  );
});
