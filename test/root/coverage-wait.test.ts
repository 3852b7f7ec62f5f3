/** Laws of how long an answer that has its minimum waits for the rest, and what that comes to for 1 to 10,000 shards. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { type CoverageWait, handOverAt } from '../../root/coverage-wait.ts';
import { Gather } from '../../root/gather.ts';
import { type Minimum, meets } from '../../root/minimum.ts';
import { defaultPolicy } from '../../root/policy.ts';
import { Progress } from '../../root/progress.ts';

const wait: fc.Arbitrary<CoverageWait> = fc.record({
  wait: fc.double({ min: 0, max: 1, noNaN: true }),
  tail: fc.double({ min: 1, max: 1000, noNaN: true }),
});
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Times in order. */
const times = fc
  .tuple(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 60_000 }), share)
  .map(([startedAt, lasts, minimum]) => ({
    startedAt,
    minimumAt: startedAt + lasts * minimum,
    deadline: startedAt + lasts,
  }));

test('never before the minimum, never after the deadline, never later for more that is in', (t) => {
  fc.assert(
    fc.property(wait, times, share, share, (policy, when, a, b) => {
      const at = (pending: number) => handOverAt(policy, { ...when, pending });
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      t.true(at(less) <= at(more));
      t.true(at(more) <= when.deadline);
      t.true(at(less) >= Math.min(when.minimumAt, when.deadline));
    }),
    { numRuns: 2000 },
  );
});

/** A run over `shards` shards that answer one after the other; what the answer would be handed over at, after each. */
function run(
  shards: number,
  minimum: Minimum,
  answers: readonly number[],
  options: { documents?: readonly number[]; deadline?: number; policy?: CoverageWait } = {},
): number[] {
  const { documents, deadline = 1000, policy = defaultPolicy.coverage } = options;
  const gather = new Gather(shards, documents);
  const progress = new Progress({
    minimum,
    wait: policy,
    gather,
    tasks: shards,
    documents,
    startedAt: 0,
    deadline,
  });
  return answers.map((now, shard) => {
    gather.offer({ shards: [shard] });
    return progress.enoughAt(now, undefined);
  });
}

const ninety: Minimum = { share: 0.9, shards: 0, quorum: Number.POSITIVE_INFINITY };

test('laws over whole answers: monotone in what is in, the minimum is waited for in full', (t) => {
  const world = fc.record({
    shards: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 10_000 })),
    minimum: fc.double({ min: 0.01, max: 0.999, noNaN: true }),
    stepMs: fc.double({ min: 0, max: 1, noNaN: true }),
    policy: wait,
    weighted: fc.boolean(),
    seed: fc.integer({ min: 1, max: 1000 }),
  });
  fc.assert(
    fc.property(world, ({ shards, minimum, stepMs, policy, weighted, seed }) => {
      const documents = weighted
        ? Array.from({ length: shards }, (_, shard) => (shard * seed) % 97)
        : undefined;
      const least = { ...ninety, share: minimum };
      const answers = Array.from({ length: shards }, (_, shard) => shard * stepMs);
      const deadline = shards * stepMs + 100;
      const ends = run(shards, least, answers, {
        ...(documents === undefined ? {} : { documents }),
        deadline,
        policy,
      });
      let expected = 0;
      for (const count of documents ?? []) expected += count;
      let answered = 0;
      let before = Number.POSITIVE_INFINITY;
      ends.forEach((end, shard) => {
        answered += documents?.[shard] ?? 0;
        const counts = {
          expected: shards,
          answered: shard + 1,
          documents: documents === undefined ? undefined : { expected, answered },
        };
        if (!meets(least, counts, shard + 1) && end !== Number.POSITIVE_INFINITY) {
          t.fail(`handed over at ${end} without the minimum`);
        }
        if (end > before) t.fail(`later (${end}) with more than before (${before})`);
        if (end !== Number.POSITIVE_INFINITY && end > deadline) t.fail(`after the deadline: ${end}`);
        before = end;
      });
      t.pass();
    }),
    { numRuns: 300 },
  );
});

for (const [shards, latest] of [
  [10, 510],
  [16, 325],
  [100, 65],
  [1000, 40],
  [10_000, 40],
] as const) {
  test(`min_coverage 0.9, one of ${shards} shards hangs: an answer at the adaptive point, not at the deadline of 1 s`, (t) => {
    // All the others within 10 ms.
    const answers = Array.from({ length: shards - 1 }, (_, shard) => ((shard + 1) / shards) * 10);
    const end = run(shards, ninety, answers).at(-1)!;
    t.true(end <= latest, `${end}`);
    t.true(end >= 27, `usual stragglers have their time: ${end}`);
  });
}

test('the guide says what it comes to', (t) => {
  const guide = readFileSync(new URL('../../docs/guides/partial-answers.md', import.meta.url), 'utf8');
  for (const shards of [10, 16, 100, 1000]) {
    const end = run(shards, ninety, new Array<number>(shards - 1).fill(10)).at(-1)!;
    t.true(
      guide.includes(`| ${shards} | ${Math.ceil(0.9 * shards)} | ${Math.floor(end)} ms |`),
      `${shards}: ${end}`,
    );
  }
});

test('what failed is not waited for', (t) => {
  const gather = new Gather(16);
  const progress = new Progress({
    minimum: { ...ninety, share: 0.875 },
    wait: defaultPolicy.coverage,
    gather,
    tasks: 16,
    documents: undefined,
    startedAt: 0,
    deadline: 1000,
  });
  for (let shard = 0; shard < 14; shard++) gather.offer({ shards: [shard] });
  const two = progress.enoughAt(10, undefined);
  progress.lost(14);
  const one = progress.enoughAt(10, undefined);
  progress.lost(15);
  const none = progress.enoughAt(10, undefined);
  t.deepEqual([two, one, none], [505, 257.5, 30]);
});

test('a quorum ends the wait at once, but not without its minimum', (t) => {
  const answers = Array.from({ length: 10 }, (_, shard) => shard);
  const quorum = { share: 0, shards: 3, quorum: 3 };
  t.deepEqual(run(10, quorum, answers).slice(0, 3), [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
  const both = run(10, { share: 0.5, shards: 0, quorum: 3 }, answers);
  t.is(both[3], Number.POSITIVE_INFINITY);
  t.is(both[4], Number.NEGATIVE_INFINITY);
});
