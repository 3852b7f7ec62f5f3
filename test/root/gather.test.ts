import test from 'ava';
import fc from 'fast-check';
import { Gather } from '../../root/gather.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { Part } from '../../shared/merge/merger.ts';

const part = (...shards: number[]): Part => ({ shards });

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
});

test('a shard that answers twice is counted once', (t) => {
  const gather = new Gather(2);
  const first = part(0);
  gather.offer(first);
  gather.offer(part(0));
  t.is(gather.covered, 1);
  t.deepEqual(gather.parts(), [first]);
});

test('a part takes the place of those that lie in it, and of no others', (t) => {
  const gather = new Gather(6, [1, 2, 4, 8, 16, 32]);
  gather.offer(part(1));
  gather.offer(part(3));
  const other = part(4);
  gather.offer(other);
  const larger = part(0, 1, 3);
  gather.offer(larger);
  t.deepEqual(gather.parts(), [other, larger]);
  t.is(gather.covered, 4);
  t.is(gather.coveredWeight, 1 + 2 + 8 + 16);
  gather.offer(part(0));
  t.deepEqual(gather.parts(), [other, larger], 'what brings nothing is dropped');
});

test('a part of which another would have to be torn is refused, and changes nothing', (t) => {
  const gather = new Gather(4);
  const first = part(0, 1);
  gather.offer(first);
  const error = t.throws(() => gather.offer(part(1, 2)), { instanceOf: RegatherError });
  t.is(error.code, 'PARTIAL_MALFORMED');
  t.regex(error.message, /^A part for shards 1, 2 overlaps with one that is for 0 too$/);
  t.deepEqual(gather.parts(), [first]);
  t.is(gather.covered, 2);
  t.false(gather.covers(2));
});

test('shards of a SPLIT need not be consecutive', (t) => {
  const gather = new Gather([3, 17, 40]);
  t.is(gather.taskOf(17), 1);
  t.is(gather.taskOf(16), -1);
  gather.offer(part(3, 40));
  t.true(gather.covers(40));
  t.false(gather.covers(17));
});

/** Leaf calls that send their tasks' parts combined, in flushes; and hedges that send them apart. In any order. */
const answers = fc.integer({ min: 1, max: 200 }).chain((count) => {
  const perTask = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: count, maxLength: count });
  return fc.record({
    count: fc.constant(count),
    // Which flush of which call has the task; undefined: none.
    flushes: perTask(fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined, freq: 9 })),
    hedged: perTask(fc.boolean()),
    order: perTask(fc.tuple(fc.nat(), fc.nat())),
  });
});

/**
 * With many tasks open the best set of parts used to be searched for in vain: what a combined part brought passed for covered, and the hedges of its tasks were
 * stopped, though a part of one of its tasks stood and kept it out.
 */
test('G3: what came is covered, once, and stays so, whatever was hedged and however large the calls', (t) => {
  fc.assert(
    fc.property(answers, ({ count, flushes, hedged, order }) => {
      const combined = new Map<number, number[]>();
      flushes.forEach((flush, task) => {
        if (flush !== undefined) combined.set(flush, [...(combined.get(flush) ?? []), task]);
      });
      const parts = [
        ...[...combined.values()].map((tasks) => ({ part: part(...tasks), at: order[tasks[0]!]![0] })),
        ...hedged.flatMap((isHedged, task) => (isHedged ? [{ part: part(task), at: order[task]![1] }] : [])),
      ].sort((a, b) => a.at - b.at);
      const gather = new Gather(count);
      const offered: Part[] = [];
      const came = new Set<number>();
      for (const { part: next } of parts) {
        gather.offer(next);
        offered.push(next);
        for (const shard of next.shards) came.add(shard);
        t.is(gather.covered, came.size);
        for (const shard of next.shards) t.true(gather.covers(shard));
      }
      check(t, gather, count, offered);
    }),
    { numRuns: 200 },
  );
});
