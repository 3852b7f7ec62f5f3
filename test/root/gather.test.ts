import test from 'ava';
import fc from 'fast-check';
import { Gather } from '../../root/gather.ts';
import type { Part } from '../../shared/merge/merger.ts';

const part = (...shards: number[]): Part => ({ shards, sizeBytes: 10 });

/** The invariants of G3: the committed parts are disjoint, were offered, and are what `covers` says. */
function check(
  t: { true(v: boolean): unknown; is(a: unknown, b: unknown): unknown },
  gather: Gather,
  count: number,
  offered: readonly Part[],
) {
  const seen = new Map<number, number>();
  for (const committed of gather.parts()) {
    t.true(offered.includes(committed));
    for (const shard of committed.shards) seen.set(shard, (seen.get(shard) ?? 0) + 1);
  }
  t.true([...seen.values()].every((times) => times === 1));
  for (let shard = 0; shard < count; shard++) t.is(gather.covers(shard), seen.has(shard));
  t.is(gather.covered, seen.size);
  t.is(gather.complete, seen.size === count);
}

test('parts without overlap are committed as they come', (t) => {
  const gather = new Gather(4);
  gather.offer(part(2, 3));
  t.false(gather.complete);
  gather.offer(part(0));
  gather.offer(part(1));
  t.true(gather.complete);
  t.is(gather.sizeBytes, 30);
});

test('a shard that answers twice is counted once', (t) => {
  const gather = new Gather(2);
  const first = part(0);
  gather.offer(first);
  gather.offer(part(0));
  t.is(gather.covered, 1);
  t.deepEqual(gather.parts(), [first]);
  t.is(gather.sizeBytes, 10);
});

test('an overlapping part takes the place of a smaller one if more shards are covered', (t) => {
  const gather = new Gather(3);
  gather.offer(part(0));
  const larger = part(0, 1);
  gather.offer(larger);
  t.deepEqual(gather.parts(), [larger]);
  t.is(gather.covered, 2);
});

test('parts that were passed over are used when they fit after all', (t) => {
  const gather = new Gather(4);
  gather.offer(part(0, 1));
  gather.offer(part(1, 2)); // no gain: kept, not committed
  t.is(gather.covered, 2);
  gather.offer(part(0));
  gather.offer(part(3));
  t.true(gather.complete);
  t.deepEqual(
    gather
      .parts()
      .map(({ shards }) => shards)
      .sort(),
    [[0], [1, 2], [3]],
  );
});

test('shards of a SPLIT need not be consecutive', (t) => {
  const gather = new Gather([3, 17, 40]);
  t.is(gather.taskOf(17), 1);
  t.is(gather.taskOf(16), -1);
  gather.offer(part(3, 40));
  t.true(gather.covers(40));
  t.false(gather.covers(17));
});

test('G3: random overlapping, duplicate and late parts never cover a shard twice, and the best cover is found', (t) => {
  const shardCount = fc.integer({ min: 1, max: 9 });
  const scenario = shardCount.chain((count) =>
    fc.tuple(
      fc.constant(count),
      fc.array(fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { minLength: 1, maxLength: count }), {
        maxLength: 9,
      }),
    ),
  );
  fc.assert(
    fc.property(scenario, ([count, sets]) => {
      const gather = new Gather(count);
      const offered: Part[] = [];
      let before = 0;
      for (const set of sets) {
        const next = part(...set.sort((a, b) => a - b));
        offered.push(next);
        gather.offer(next);
        check(t, gather, count, offered);
        t.true(gather.covered >= before, 'coverage never shrinks');
        before = gather.covered;
        t.is(gather.covered, bestCover(offered, count));
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** By brute force over all subsets. */
function bestCover(parts: readonly Part[], count: number): number {
  let best = 0;
  for (let subset = 0; subset < 1 << parts.length; subset++) {
    let mask = 0;
    let disjoint = true;
    for (let i = 0; i < parts.length && disjoint; i++) {
      if ((subset & (1 << i)) === 0) continue;
      for (const shard of parts[i]!.shards) {
        if ((mask & (1 << shard)) !== 0) disjoint = false;
        mask |= 1 << shard;
      }
    }
    if (!disjoint) continue;
    let covered = 0;
    for (let shard = 0; shard < count; shard++) if ((mask & (1 << shard)) !== 0) covered++;
    best = Math.max(best, covered);
  }
  return best;
}
