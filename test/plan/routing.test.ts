import { isDeepStrictEqual as same } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { planRequest } from '../../root/plan.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { encode, methodOf } from './plans.ts';

// The root routes by bytes on the wire; data is partitioned by `shardOf`. These must never part.

const counts = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(1000, 1024, 4096, 65_536));

function routed(
  method: string,
  request: object,
  shardCount: number,
  virtualShards: number,
): readonly number[] {
  const topology = { epoch: 1, shardCount, virtualShards };
  const { tasks } = planRequest(methodOf(method), encode(request), topology, { leaf: false, pick: () => 0 });
  return tasks.map(({ shard }) => shard);
}

function int(bits: bigint, signed: boolean): fc.Arbitrary<bigint> {
  const [min, max] = signed ? [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n] : [0n, 2n ** bits - 1n];
  return fc.oneof(
    fc.bigInt({ min, max }),
    fc.constantFrom(min, max, 0n, 1n),
    fc.bigInt({ min: signed ? -300n : 0n, max: 300n }),
  );
}

const integerFields: readonly [method: string, field: string, values: fc.Arbitrary<bigint>][] = [
  ['ByNumber', 'number', int(64n, true)],
  ['ByMaybe', 'maybe', int(32n, true)],
  ['ByUnsigned', 'unsigned', int(32n, false)],
  ['ByZigzag', 'zigzag', int(64n, true)],
  ['ByFixed', 'fixed', int(64n, false)],
  ['BySignedFixed', 'signed_fixed', int(32n, true)],
];

for (const [method, field, values] of integerFields) {
  test(`KEY by an integer: ${field}`, (t) => {
    fc.assert(
      fc.property(values, counts, (value, [shardCount, virtualShards]) => {
        const is32 = method === 'ByMaybe' || method === 'ByUnsigned' || method === 'BySignedFixed';
        const request = { [field]: is32 ? Number(value) : String(value) };
        return same(routed(method, request, shardCount, virtualShards), [
          shardOf(value, shardCount, virtualShards),
        ]);
      }),
    );
    t.pass();
  });
}

test('KEY by text and by bytes', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      counts,
      (id, [shardCount, virtualShards]) => {
        const shard = shardOf(id, shardCount, virtualShards);
        return (
          same(routed('ById', { id }, shardCount, virtualShards), [shard]) &&
          same(routed('ByWhoId', { who: { id } }, shardCount, virtualShards), [shard]) &&
          same(routed('ByRaw', { raw: Buffer.from(id) }, shardCount, virtualShards), [shard])
        );
      },
    ),
  );
  t.pass();
});

test('SPLIT: every key where KEY would send it', (t) => {
  const ids = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      ids,
      fc.array(int(64n, true), { maxLength: 30 }),
      counts,
      (words, numbers, [shardCount, virtualShards]) => {
        const shards = (keys: readonly (string | bigint)[]) =>
          [...new Set(keys.map((key) => shardOf(key, shardCount, virtualShards)))].sort((a, b) => a - b);
        return (
          same(routed('SplitIds', { ids: words }, shardCount, virtualShards), shards(words)) &&
          same(routed('SplitNested', { nested: { ids: words } }, shardCount, virtualShards), shards(words)) &&
          same(
            routed('SplitNumbers', { numbers: numbers.map(String) }, shardCount, virtualShards),
            shards(numbers),
          )
        );
      },
    ),
  );
  t.pass();
});

test('SPLIT: keys made to collide cost no more than others, and stay apart', (t) => {
  // Keys of one hash: XXH32 of 8 bytes can be solved for the upper half. Unguarded, such a list costs the square of its length.
  const numbers = collidingIntegers(20_000);
  const request = encode({ numbers: [...numbers, ...numbers.slice(0, 100)].map(String) });
  const { tasks, context } = planRequest(
    methodOf('SplitNumbers'),
    request,
    { epoch: 1, shardCount: 8, virtualShards: 4096 },
    { leaf: false, pick: () => 0 },
  );
  t.deepEqual(
    tasks.map(({ shard }) => shard),
    [shardOf(numbers[0]!, 8)],
  );
  t.is(context.asked?.length, 20_100);
  t.is(new Set(context.asked).size, 20_000);
  for (let i = 0; i < 100; i++) t.is(context.asked?.[20_000 + i], context.asked?.[i]);
});

/** Integers whose hash is that of 0. */
function collidingIntegers(count: number): bigint[] {
  const p3 = 0xc2b2ae3d;
  const p4 = 0x27d4eb2f;
  const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const step = (h: number, word: number) => Math.imul(rotate((h + Math.imul(word, p3)) | 0, 17), p4);
  // p3 is odd, so it has an inverse modulo 2^32 (Newton's iteration).
  let inverse = 1;
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(p3, inverse));
  const start = (0x165667b1 + 8) | 0;
  // Before the second word's rotation, the state of 0 is this; the second word makes up for any first word.
  const goal = step(start, 0);
  return Array.from({ length: count }, (_, low) => {
    const high = Math.imul((goal - step(start, low)) | 0, inverse);
    return BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low));
  });
}
