/** What coverage says within the bytes it has: counts are exact whatever is left out. */
import test from 'ava';
import fc from 'fast-check';
import {
  type Cause,
  type Coverage,
  causeNumbers,
  encodeCoverage,
  type Missing,
} from '../../root/coverage.ts';
import { composed, readInnerCoverage } from '../../root/inner-coverage.ts';
import { decodeCoverage } from '../kit/cluster.ts';

const causes = Object.keys(causeNumbers) as Cause[];

const coverage: fc.Arbitrary<Coverage> = fc
  .record({
    shards: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1000), fc.constant(10_000)),
    missing: fc.constantFrom(0, 0.001, 0.05, 0.5, 0.9, 1),
    kinds: fc.integer({ min: 1, max: causes.length }),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    detail: fc.constantFrom('', 'short', 'ü€𝄞%'.repeat(1000)),
    documents: fc.boolean(),
  })
  .map(({ shards, missing: part, kinds, seed, detail, documents }) => {
    const missing: Missing[] = [];
    let state = seed;
    for (let shard = 0; shard < shards; shard++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      if (state / 2 ** 32 >= part) continue;
      missing.push({ shard, cause: causes[(state >>> 8) % kinds]!, detail, attempts: 1 + (state & 1) });
    }
    return {
      expected: shards,
      answered: shards - missing.length,
      missing,
      epoch: 2 ** 33,
      documents: documents ? { expected: 2 ** 50, answered: 2 ** 49 } : undefined,
    };
  });

test('1,000 shards and more with scattered causes fit, counts and attempts are exact, ranges are true', (t) => {
  let truncated = 0;
  fc.assert(
    fc.property(coverage, fc.constantFrom(900, 1400), (given, maxBytes) => {
      const bytes = encodeCoverage(given, maxBytes);
      t.true(bytes.length <= maxBytes, `${bytes.length}`);
      const read = decodeCoverage(bytes);
      t.is(read.expected, given.expected);
      t.is(read.answered, given.answered);
      t.is(read.epoch, String(2 ** 33));
      t.is(read.expectedDocuments, String(given.documents?.expected ?? 0));
      t.is(read.answeredDocuments, String(given.documents?.answered ?? 0));
      let counted = read.answered;
      for (const { cause, count, shards, attempts } of read.missing) {
        counted += count;
        const own = given.missing.filter((missing) => missing.cause === cause.toLowerCase());
        t.is(count, own.length);
        t.is(
          attempts,
          own.reduce((sum, missing) => sum + missing.attempts, 0),
        );
        const listed = shards.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
        );
        t.deepEqual(
          listed,
          own.slice(0, listed.length).map(({ shard }) => shard),
        );
        if (listed.length < count) t.true(read.truncated);
      }
      t.is(counted, read.expected, 'expected == answered + missing');
      if (read.truncated) truncated++;
      else {
        for (const { detail, cause } of read.missing) {
          const first = given.missing.find((missing) => missing.cause === cause.toLowerCase())!;
          t.is(detail.slice(0, 100), first.detail.slice(0, 100));
        }
      }
    }),
    { numRuns: 400 },
  );
  t.true(truncated > 20);
});

test('as many ranges as fit are told', (t) => {
  const missing = Array.from(
    { length: 500 },
    (_, i): Missing => ({
      shard: 2 * i,
      cause: 'timeout',
      detail: '',
      attempts: 1,
    }),
  );
  const bytes = encodeCoverage({ expected: 1000, answered: 500, documents: undefined, missing, epoch: 1 });
  t.true(bytes.length > 1380 && bytes.length <= 1400, `${bytes.length}`);
});

test('what a shard that is a root lacks is lacking above, in documents rounded up', (t) => {
  const inner = encodeCoverage({
    expected: 3,
    answered: 2,
    documents: { expected: 2 ** 52 + 1, answered: 2 ** 52 },
    missing: [{ shard: 1, cause: 'shed', detail: 'busy', attempts: 2 }],
    epoch: 1,
  });
  const below = new Map([[0, readInnerCoverage(inner)!]]);
  const whole: Coverage = {
    expected: 2,
    answered: 2,
    documents: { expected: 1010, answered: 1010 },
    missing: [],
    epoch: 4,
  };
  const read = composed(whole, below, [1000, 10]);
  t.deepEqual(
    { ...read, missing: [] },
    { expected: 4, answered: 3, documents: { expected: 1010, answered: 1009 }, missing: [], epoch: 4 },
  );
  t.like(read.missing[0], { shard: 0, cause: 'shed', count: 1, attempts: 2, detail: 'below shard 0: busy' });
  // A shard that isn't in the answer has nothing below it to count.
  const lost: Coverage = {
    ...whole,
    answered: 1,
    documents: { expected: 1010, answered: 10 },
    missing: [{ shard: 0, cause: 'timeout', detail: '', attempts: 1 }],
  };
  t.deepEqual(composed(lost, below, [1000, 10]), lost);
});

test('a coverage that does not add up cannot be read', (t) => {
  const bad = (change: Partial<Coverage>) =>
    readInnerCoverage(
      encodeCoverage({ expected: 3, answered: 3, documents: undefined, missing: [], epoch: 1, ...change }),
    );
  t.truthy(bad({}));
  t.is(bad({ expected: 4 }), undefined);
  t.is(bad({ documents: { expected: 5, answered: 6 } }), undefined);
  t.is(readInnerCoverage(Buffer.from([0x08])), undefined);
});
