import test from 'ava';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { CustomReducer, CustomValue } from '../../shared/reducers/custom.ts';
import { checkReducerLaws } from '../../shared/reducers/law-kit.ts';
import type { FieldShape, FieldType, MessageShape } from '../../shared/schema/plan.ts';
import { wireTypeOf, writeScalar } from '../../shared/wire/scalar.ts';
import { Writer } from '../../shared/wire/writer.ts';
import { failure } from './merging.ts';
import { field, finish, merge, message, method, partial, shape } from './shapes.ts';
import { valuesOf } from './values-of.ts';

function encode(of: FieldShape, values: readonly CustomValue[]): Buffer {
  const out = new Writer();
  for (const value of values) {
    out.tag(of.number, wireTypeOf(of.type));
    writeScalar(out, of.type, value);
  }
  return out.finish();
}

/** Merges what each shard has of one field with a reducer, and reads the answer. */
function run(
  reducer: CustomReducer,
  type: FieldType,
  more: Partial<FieldShape>,
  values: readonly (readonly CustomValue[])[],
  options = '',
): CustomValue[] {
  const it = field(1, 'it', type, more);
  const plan = method(message('Answer', merge(it, { kind: 'custom', name: reducer.name, options }, false)));
  const merger = compileMerger(plan, new Map([[reducer.name, reducer]]));
  const parts = values.map((each, shard) => merger.stage([shard], encode(it, each), []));
  const { payload } = merger.merge(parts, finish);
  return valuesOf(payload, it);
}

const inner: MessageShape = shape('Inner', field(1, 'id', 'uint32'));
const seen: unknown[] = [];
const spy: CustomReducer = {
  name: 'spy',
  merge: (values, options) => {
    seen.splice(0, Infinity, options, ...values);
    return values.flat();
  },
};

test.serial('a reducer gets the values of each shard in shard order, decoded', (t) => {
  t.deepEqual(run(spy, 'int64', { repeated: true }, [[1n, -2n], [], [1n << 62n]], 'o'), [1n, -2n, 1n << 62n]);
  t.deepEqual(seen, ['o', [1n, -2n], [], [1n << 62n]]);
  t.deepEqual(run(spy, 'string', { repeated: true }, [['é'], ['', 'b']]), ['é', '', 'b']);
  t.deepEqual(run(spy, 'bool', { repeated: true }, [[true], [false]]), [true, false]);
  t.deepEqual(run(spy, 'float', { repeated: true }, [[1.5]]), [1.5]);
  t.deepEqual(run(spy, 'enum', { repeated: true }, [[-3]]), [-3]);
  t.deepEqual(
    run(spy, 'message', { repeated: true, message: inner }, [[Uint8Array.of(8, 1)], [Uint8Array.of()]]).map(
      (each) => [...(each as Uint8Array)],
    ),
    [[8, 1], []],
  );
});

test.serial('an absent singular value is none with presence, and the default without', (t) => {
  run({ ...spy, merge: (values) => spy.merge(values, '').slice(0, 1) }, 'int32', { presence: 'explicit' }, [
    [],
    [7],
  ]);
  t.deepEqual(seen, ['', [], [7]]);
  run({ ...spy, merge: (values) => spy.merge(values, '').slice(0, 1) }, 'int64', {}, [[], [7n]]);
  t.deepEqual(seen, ['', [0n], [7n]]);
  run({ ...spy, merge: (values) => spy.merge(values, '').slice(0, 1) }, 'bytes', {}, [[]]);
  t.deepEqual(seen, ['', [new Uint8Array(0)]]);
});

test.serial('what a reducer gets is its own: it can neither see nor change the partial', (t) => {
  const it = field(1, 'it', 'bytes', { repeated: true });
  const plan = method(message('Answer', merge(it, { kind: 'custom', name: 'spoil', options: '' }, false)));
  const spoil: CustomReducer = {
    name: 'spoil',
    merge: (values) => {
      for (const value of values.flat()) (value as Uint8Array).fill(0);
      return [];
    },
  };
  const merger = compileMerger(plan, new Map([['spoil', spoil]]));
  const payload = encode(it, [Uint8Array.of(1, 2)]);
  const before = payload.toString('hex');
  t.is(merger.merge([merger.stage([0], payload, [])], finish).payload.length, 0);
  t.is(payload.toString('hex'), before);
});

const misbehaving: [string, FieldType, Partial<FieldShape>, () => unknown, RegExp][] = [
  [
    'throws',
    'int32',
    {},
    () => {
      throw new Error('no idea');
    },
    /"bad" to merge, got an exception: no idea \(Answer\.it\)/,
  ],
  [
    'throws something that is no error',
    'int32',
    {},
    () => {
      throw 7;
    },
    /exception: 7/,
  ],
  ['returns nothing', 'int32', {}, () => undefined, /to return an array, got undefined/],
  ['returns too many', 'int32', {}, () => [1, 2], /at most one value of a singular field, got 2/],
  ['returns the wrong type', 'string', { repeated: true }, () => [1], /to return a string, got 1/],
  ['returns an integer that does not fit', 'uint32', {}, () => [-1], /an integer that fits uint32, got -1/],
  ['returns a fraction for an integer', 'int64', {}, () => [0.5], /an integer that fits int64, got 0.5/],
  [
    'returns bytes that are no message',
    'message',
    { message: inner },
    () => [Uint8Array.of(8)],
    /to return a Inner, got a varint/,
  ],
];
for (const [what, type, more, body, reason] of misbehaving) {
  test(`a reducer that ${what} is an INTERNAL error that names it`, (t) => {
    const bad = { name: 'bad', merge: body } as unknown as CustomReducer;
    const error = failure(() => run(bad, type, more, [[]]));
    t.is(error.code, 'INTERNAL');
    t.regex(error.message, reason);
    t.is(error.field, 'Answer.it');
  });
}

test('a reducer that is not registered, refuses the field or is not as free as the plan says stops the start', (t) => {
  const it = merge(field(1, 'it', 'int32'), { kind: 'custom', name: 'median', options: 'x' }, false);
  const plan = method(message('Answer', it));
  const unknown = failure(() => compileMerger(plan, new Map([['mean', spy]])));
  t.is(unknown.code, 'REDUCER_UNKNOWN');
  t.regex(unknown.message, /\(mean\), got "median" \(Answer\.it\)/);
  const picky: CustomReducer = {
    name: 'median',
    accepts: (of, options) => `no ${of.type} with ${options}`,
    merge: () => [],
  };
  const refused = failure(() => compileMerger(plan, new Map([['median', picky]])));
  t.is(refused.code, 'PLAN_INVALID');
  t.regex(refused.message, /"median" refuses Answer\.it: no int32 with x/);
  const free = method(message('Answer', { ...it, free: true }));
  const law = failure(() => compileMerger(free, new Map([['median', { ...spy, name: 'median' }]])));
  t.is(law.code, 'PLAN_INVALID');
  t.regex(law.message, /declares itself free, got custom "median"/);
});

test('a free reducer merges at workers, an ordered one at the root only', (t) => {
  for (const free of [true, false]) {
    const counts: number[] = [];
    const xor: CustomReducer = {
      name: 'xor',
      free,
      merge: (values) => {
        counts.push(values.length);
        return [(values.flat() as number[]).reduce((a, b) => a ^ b, 0)];
      },
    };
    const it = field(1, 'it', 'uint32');
    const plan = method(message('Answer', merge(it, { kind: 'custom', name: 'xor', options: '' }, free)));
    const merger = compileMerger(plan, new Map([['xor', xor]]));
    const payloads = [5, 6, 7].map((value, shard) => ({ shard, payload: encode(it, [value]) }));
    const combined = merger.combine(payloads.slice(1), partial)!;
    t.deepEqual(counts, free ? [2] : []);
    const parts = [
      merger.stage([0], payloads[0]!.payload, []),
      merger.stage([1, 2], combined.data, combined.segmentBytes),
    ];
    t.is(Buffer.from(merger.merge(parts, finish).payload).toString('hex'), '0804');
    t.is(counts.at(-1), free ? 2 : 3);
  }
});

const greatest: CustomReducer = {
  name: 'greatest',
  free: true,
  merge: (values) => {
    const all = values.flat() as bigint[];
    return all.sort((a, b) => Number(b - a)).slice(0, 1);
  },
};
const samples = { type: 'int64' as const, samples: [[], [1n], [2n], [-5n], [2n], [1n << 60n]] };

test('the law kit finds nothing wrong with a reducer that keeps its laws', (t) => {
  t.deepEqual(checkReducerLaws(greatest, samples), []);
  t.deepEqual(checkReducerLaws({ name: 'last', merge: (values) => values.flat().slice(-1) }, samples), []);
});

const broken: [string, CustomReducer, RegExp][] = [
  [
    'order',
    { name: 'last', free: true, merge: (values) => values.flat().slice(-1) },
    /the order of the shards changes/,
  ],
  [
    'grouping',
    { name: 'count', free: true, merge: (values) => [BigInt(values.flat().length)] },
    /combining some of the shards/,
  ],
  [
    'determinism',
    (() => {
      let calls = 0n;
      return { name: 'clock', merge: () => [calls++] };
    })(),
    /different results for the same values/,
  ],
  [
    'leaving values alone',
    {
      name: 'sorter',
      merge: (values) => {
        (values as CustomValue[][]).reverse();
        return [];
      },
    },
    /Changes the values/,
  ],
  ['types', { name: 'text', merge: () => ['a'] }, /an integer that fits int64, got "a"/],
  [
    'not throwing',
    { name: 'first', merge: (values) => [(values[0] as bigint[])[0]! + 1n] },
    /got an exception/,
  ],
  [
    'the field',
    { name: 'strings', accepts: () => 'only strings', merge: () => [] },
    /refuses Answer.value: only strings/,
  ],
];
for (const [law, reducer, reason] of broken) {
  test(`the law kit tells a reducer that breaks the law of ${law}`, (t) => {
    const lines = checkReducerLaws(reducer, samples);
    t.true(
      lines.some((line) => reason.test(line)),
      lines.join('\n'),
    );
  });
}
