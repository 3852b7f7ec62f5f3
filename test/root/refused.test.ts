/**
 * What a root refuses by itself came without a coverage, though the request was planned: for want of room, for want of time, or for want of
 * memory. And of a partial that merging refused, coverage told one attempt, however many there had been.
 */
import { type Metadata, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type Coverage, explainOf } from '../kit/cluster.ts';
import { type ModelAnswerOptions, type ScatterModelOptions, scatterModel } from '../kit/scatter-model.ts';

interface Told {
  readonly coverage: Coverage;
  readonly trailer: Metadata;
  readonly code: number | undefined;
  readonly details: string;
}

function model(t: ExecutionContext, options: ScatterModelOptions) {
  const made = scatterModel(options);
  t.teardown(made.close);
  const told: Told[] = [];
  return {
    ...made,
    told,
    ask: (how: ModelAnswerOptions = {}) =>
      made.answer((coverage, trailer, { code, details } = { code: 0, details: '' }) => {
        told.push({ coverage, trailer, code, details });
      }, how),
  };
}

/** In the trailer, and once more in the google.rpc.Status. */
function isInDetails(t: ExecutionContext, { trailer }: Told): void {
  const [coverage] = trailer.get('regather-coverage-bin') as Buffer[];
  const [details] = trailer.get('grpc-status-details-bin') as Buffer[];
  t.true(details!.includes('type.googleapis.com/regather.v1.Coverage'));
  t.true(details!.includes(coverage!));
  t.true(details!.length + coverage!.length <= 3072);
}

const lacks = ({ coverage }: Told) =>
  coverage.missing.map(({ cause, count, shards, attempts }) => ({ cause, count, shards, attempts }));

test('a request that the root turns away lacks every shard: shed, and none was asked', (t) => {
  const { admission, asked, ask, told } = model(t, { workers: 2, shards: 4 });
  admission.enter(admission.limit);
  // More than may wait.
  while (told.length === 0 && admission.waiting < 10_000) ask();
  const [first] = told;
  t.is(first!.code, status.RESOURCE_EXHAUSTED, first!.details);
  t.regex(first!.details, /the root is overloaded/);
  t.true(Number(first!.trailer.get('grpc-retry-pushback-ms')[0]) >= 1);
  t.like(first!.coverage, { expected: 4, answered: 0, epoch: '1' });
  t.deepEqual(lacks(first!), [{ cause: 'SHED', count: 4, shards: [{ first: 0, last: 3 }], attempts: 0 }]);
  t.regex(first!.coverage.missing[0]!.detail, /^the root is overloaded/);
  isInDetails(t, first!);
  t.is(asked.length, 0);
});

test('a request that waited in vain lacks every shard of the topology that it was planned with', (t) => {
  const { admission, ask, told, clock } = model(t, { workers: 2, shards: 4 });
  admission.enter(admission.limit);
  ask({ explain: true });
  t.is(told.length, 0);
  clock.advance(1000);
  t.is(told[0]!.code, status.RESOURCE_EXHAUSTED);
  t.deepEqual(lacks(told[0]!), [{ cause: 'SHED', count: 4, shards: [{ first: 0, last: 3 }], attempts: 0 }]);
  const explain = explainOf(told[0]!);
  t.regex(explain.verdict, /^not admitted: waited \d+ ms and was turned away$/);
  t.deepEqual(
    explain.shards.map(({ missing }: { missing: string }) => missing),
    ['SHED', 'SHED', 'SHED', 'SHED'],
  );
});

test('a request without the time to merge an answer lacks every shard: too late, and none was asked', (t) => {
  const { asked, ask, told } = model(t, { workers: 2, shards: 4 });
  ask({ timeoutMs: 1 });
  t.is(told[0]!.code, status.DEADLINE_EXCEEDED);
  t.regex(told[0]!.details, /less than it takes to merge an answer/);
  t.like(told[0]!.coverage, { expected: 4, answered: 0 });
  t.deepEqual(lacks(told[0]!), [
    { cause: 'TIMEOUT', count: 4, shards: [{ first: 0, last: 3 }], attempts: 0 },
  ]);
  isInDetails(t, told[0]!);
  t.is(asked.length, 0);
});

test('an answer that there is no memory for lacks what did not fit and what was still to come, with its attempts', (t) => {
  const { asked, ask, told } = model(t, { workers: 2, shards: 3 });
  ask({ memoryBytes: 16 });
  const [first] = asked;
  // int64 total = 2
  first!.part(0, Buffer.from([0x10, 1]));
  first!.end({ shard: 1 }, { shard: 2 });
  t.deepEqual(
    asked.map(({ worker }) => worker),
    ['w0', 'w1'],
  );
  asked[1]!.part(1, Buffer.alloc(16));
  t.is(told[0]!.code, status.RESOURCE_EXHAUSTED);
  t.regex(told[0]!.details, /root\.max_gather_bytes/);
  t.like(told[0]!.coverage, { expected: 3, answered: 1 });
  t.deepEqual(lacks(told[0]!), [{ cause: 'SHED', count: 2, shards: [{ first: 1, last: 2 }], attempts: 4 }]);
  isInDetails(t, told[0]!);
  t.true(asked[1]!.cancelled);
});

test('what shards had failed with before the root ran out of memory stays their own', (t) => {
  const { asked, ask, told } = model(t, { workers: 1, shards: 2 });
  ask({ memoryBytes: 16 });
  // A field that is cut off.
  asked[0]!.part(1, Buffer.from([0x0a, 0xff, 0x01]));
  t.is(told.length, 0);
  asked[0]!.part(0, Buffer.alloc(16));
  t.is(told[0]!.code, status.RESOURCE_EXHAUSTED);
  t.deepEqual(
    lacks(told[0]!).map(({ cause, shards }) => [cause, shards[0]!.first]),
    [
      ['SHED', 0],
      ['MALFORMED', 1],
    ],
  );
});

test('a partial that merging refuses was tried as often as it was', (t) => {
  const { asked, ask, told } = model(t, { workers: 2, shards: 2 });
  ask({ refused: 1 });
  asked[0]!.part(0);
  asked[0]!.end({ shard: 1 });
  asked[1]!.part(1);
  t.is(told[0]!.code, status.INTERNAL);
  t.deepEqual(lacks(told[0]!), [
    { cause: 'MALFORMED', count: 1, shards: [{ first: 1, last: 1 }], attempts: 2 },
  ]);
  t.is(told[0]!.coverage.missing[0]!.detail, 'not one item per key');
});
