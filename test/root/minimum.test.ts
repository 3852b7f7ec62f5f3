/** What is enough for an answer, and what a request may ask for. */
import { Metadata } from '@grpc/grpc-js';
import test from 'ava';
import fc from 'fast-check';
import { type Minimum, meets, minimumOf, requestedShare } from '../../root/minimum.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { searchPlan } from '../kit/cluster.ts';

const some = searchPlan.methods.find(({ name }) => name === 'Some')!;
const least = (share: number): Minimum => ({ share, shards: 0, quorum: Number.POSITIVE_INFINITY });
const counts = (answered: number, expected: number, documents?: [number, number]) => ({
  answered,
  expected,
  documents: documents === undefined ? undefined : { answered: documents[0], expected: documents[1] },
});

test('a share is of the shards, and rounding is nobody’s loss', (t) => {
  t.true(meets(least(0.9), counts(9, 10), 9));
  t.false(meets(least(0.9), counts(8, 10), 8));
  t.true(meets(least(0.9), counts(15, 16), 15));
  t.false(meets(least(0.9), counts(14, 16), 14));
  // 0.55 × 100 is 55.00000000000001.
  t.true(meets(least(0.55), counts(55, 100), 55));
  t.false(meets(least(0.55), counts(54, 100), 54));
  t.false(meets(least(0.001), counts(0, 10), 0), 'nothing is never enough');
  t.true(meets(least(1), counts(0, 0), 0), 'nothing was asked for');
});

test('where there are documents, the share is of them', (t) => {
  t.true(meets(least(0.9), counts(1, 10, [95, 100]), 1));
  t.false(meets(least(0.9), counts(9, 10, [5, 100]), 9));
  t.false(meets(least(1), counts(9, 10, [100, 100]), 9), 'every shard means every shard, empty ones too');
  t.true(meets(least(0.9), counts(9, 10, [0, 0]), 9), 'without any documents, shards count');
  const many = Number.MAX_SAFE_INTEGER;
  t.true(meets(least(0.5), counts(1, 2, [2 ** 52, many]), 1));
  t.false(meets(least(0.5), counts(1, 2, [2 ** 52 - 8, many]), 1));
});

test('a quorum is the minimum where nothing else is, and never more than was asked', (t) => {
  const method: MethodPlan = { ...some, minCoverage: 0, minCoverageFloor: 0, quorum: 3 };
  const minimum = minimumOf(method, 0, 10);
  t.deepEqual(minimum, { share: 0, shards: 3, quorum: 3 });
  t.false(meets(minimum, counts(2, 10), 2));
  t.true(meets(minimum, counts(3, 10), 3));
  t.deepEqual(minimumOf(method, 0, 2), { share: 0, shards: 2, quorum: 2 });
  // A request may ask for more: the quorum stays what it was.
  t.deepEqual(minimumOf(method, 0.8, 10), { share: 0.8, shards: 3, quorum: 3 });
  t.false(meets(minimumOf(method, 0.8, 10), counts(7, 10), 7));
  t.deepEqual(minimumOf({ ...method, minCoverage: 0.5 }, 0.5, 10), { share: 0.5, shards: 0, quorum: 3 });
});

test('more is never less than enough', (t) => {
  const whole = fc.integer({ min: 1, max: 10_000 });
  fc.assert(
    fc.property(whole, fc.double({ min: 0.0001, max: 1, noNaN: true }), (expected, share) => {
      let before = false;
      let first = -1;
      for (let answered = 0; answered <= expected; answered++) {
        const now = meets(least(share), counts(answered, expected), answered);
        if (before && !now) t.fail(`${answered} of ${expected} at ${share}`);
        if (now && first < 0) first = answered;
        before = now;
      }
      t.true(before);
      t.true(first / expected >= share - 1e-12 && first <= share * expected + 1);
    }),
    { numRuns: 50 },
  );
});

function asked(value: string | string[], method: Partial<MethodPlan> = {}, leaf = false): unknown {
  const metadata = new Metadata();
  for (const one of [value].flat()) metadata.add('regather-min-coverage', one);
  try {
    return requestedShare(metadata, { ...some, minCoverageFloor: 0.5, ...method }, leaf);
  } catch (error) {
    if (!(error instanceof RegatherError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

test('a request may ask for more, not for less than its method allows', (t) => {
  t.is(requestedShare(new Metadata(), some, false), undefined);
  t.is(asked('0.75'), 0.75);
  t.is(asked('.5'), 0.5);
  t.is(asked('1'), 1);
  t.is(asked('1.0'), 1);
  t.is(asked('5e-1'), 0.5);
  const path = 'acme.search.v1.Search/Some';
  const wrong = (bound: string, got: string) =>
    `REQUEST_METADATA: Expected metadata "regather-min-coverage" to be ${bound}, got "${got}" (${path})`;
  for (const value of ['0', '0.49', '1.01', '-1', 'NaN', 'all', '', ' ', '0x1', '1,0', '90%', 'Infinity']) {
    // grpc-js trims what it sends; what a root gets is as it is here.
    t.is(asked(value), wrong('one number 0.5..1', value));
  }
  t.is(asked(['0.6', '0.7']), wrong('one number 0.5..1', '0.6, 0.7'));
  t.is(asked('0', { minCoverageFloor: 0 }), wrong('one number above 0 and up to 1', '0'));
  t.is(asked('0.9', { minCoverageFloor: 1 }), wrong('1', '0.9'));
  t.is(asked('1', { minCoverageFloor: 1 }), 1);
});

test('a root above may have another version of the schema: too little counts as what is allowed', (t) => {
  t.is(asked('0.1', {}, true), 0.5);
  t.regex(String(asked('x', {}, true)), /REQUEST_METADATA/);
});
