import test from 'ava';
import { planRequest, requestBytes } from '../../root/plan.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { keyBytes } from '../../shared/keys/key-bytes.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { decode, encode, hex, methodOf, plan, topology } from './plans.ts';

test('ALL: a task per shard, one request for all, nothing made per request', (t) => {
  const request = encode({ text: 'a' });
  const first = plan('All', request);
  t.deepEqual(
    first.tasks.map(({ shard }) => shard),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  t.is(first.payload, request);
  t.is(plan('All', encode({})).tasks, first.tasks);
});

test('ALL: as many tasks as the topology of the request has shards', (t) => {
  for (let shardCount = 1; shardCount < 40; shardCount++) {
    const { tasks } = planRequest(
      methodOf('All'),
      encode({}),
      { ...topology, shardCount },
      { leaf: false, pick: () => 0 },
    );
    t.is(tasks.length, shardCount);
    t.is(tasks.at(-1)?.shard, shardCount - 1);
  }
});

test('ANY: the picked shard, the request as it is', (t) => {
  const request = encode({ text: 'a', limit: 5 });
  const { tasks, payload, context } = plan('Any', request);
  t.deepEqual(tasks, [{ shard: 5 }]);
  t.is(payload, request);
  t.true(context.final);
  t.false(plan('Any', request, true).context.final);
});

test("NONE isn't served", (t) => {
  const error = t.throws(() => plan('None', encode({})), { instanceOf: RegatherError });
  t.is(error?.code, 'METHOD_NOT_SERVED');
  t.is(error?.grpc, 12);
});

const keys: readonly [method: string, request: object, key: Parameters<typeof shardOf>[0]][] = [
  ['ById', { id: 'user-1234' }, 'user-1234'],
  ['ById', { id: '日本語' }, '日本語'],
  ['ByRaw', { raw: Buffer.from([0xff, 0, 0x80]) }, new Uint8Array([0xff, 0, 0x80])],
  ['ByNumber', { number: '-1' }, -1],
  ['ByNumber', { number: '9007199254740993' }, 9007199254740993n],
  ['ByNumber', { number: '-9223372036854775808' }, -(2n ** 63n)],
  ['ByNumber', { number: 0 }, 0],
  ['ByNumber', {}, 0],
  ['ByMaybe', { maybe: 0 }, 0],
  ['ByMaybe', { maybe: -7 }, -7],
  ['ByWhoId', { who: { id: 'w' } }, 'w'],
  ['ByWhoNumber', { who: { number: '5' } }, 5],
  ['ByWhoNumber', { who: {} }, 0],
  ['ByName', { name: 'n' }, 'n'],
  ['ByOwner', { owner: { id: 'o' } }, 'o'],
  ['ByUnsigned', { unsigned: 4_294_967_295 }, 4_294_967_295],
  ['ByZigzag', { zigzag: '-3' }, -3],
  ['ByFixed', { fixed: '18446744073709551615' }, 2n ** 64n - 1n],
  ['BySignedFixed', { signed_fixed: -2 }, -2],
];

for (const [method, request, key] of keys) {
  test(`KEY: ${method} of ${JSON.stringify(request)} goes where shardOf says`, (t) => {
    const bytes = encode(request);
    const { tasks, payload } = plan(method, bytes);
    t.deepEqual(tasks, [{ shard: shardOf(key, 8) }]);
    t.is(payload, bytes);
  });
}

const written: readonly [what: string, method: string, bytes: string, key: string | number][] = [
  ['the last one wins', 'ById', '520161 520162', 'b'],
  ['an over-long length', 'ById', '52818000 61', 'a'],
  ['an over-long varint', 'ByNumber', '58 8580808000', 5],
  ['an int32 written as ten bytes', 'ByMaybe', '60 ffffffffffffffffff01', -1],
  ['an int32 with bits above 32 loses them, as in protobuf', 'ByMaybe', '60 8580808010', 5],
  ['a split message: the last part that has the field', 'ByWhoId', '72030a0161 72021005', 'a'],
  ['a member of a oneof written last', 'ByName', '7a0161 8101 0500000000000000 7a0162', 'b'],
];

for (const [what, method, bytes, key] of written) {
  test(`KEY: ${what}`, (t) => {
    t.deepEqual(plan(method, hex(bytes)).tasks, [{ shard: shardOf(key, 8) }]);
  });
}

const keyless: readonly [what: string, method: string, bytes: string, field: string, how: string][] = [
  ['an empty string', 'ById', '5200', 'id', 'it is empty'],
  ['an absent string', 'ById', '', 'id', 'it is absent'],
  ['empty bytes', 'ByRaw', '6a00', 'raw', 'it is empty'],
  ['a string emptied by a later one', 'ById', '520161 5200', 'id', 'it is empty'],
  ['an absent optional integer', 'ByMaybe', '', 'maybe', 'it is absent'],
  ['a string of an absent message', 'ByWhoId', '', 'who.id', 'it is absent'],
  ['an integer of an absent message', 'ByWhoNumber', '', 'who.number', 'it is absent'],
  ['a member of a oneof unset by another', 'ByName', '7a0161 8101 0500000000000000', 'name', 'it is absent'],
  [
    'a message of a oneof unset by another',
    'ByOwner',
    '8a01030a0161 7a0161 8a0100',
    'owner.id',
    'it is absent',
  ],
];

for (const [what, method, bytes, field, how] of keyless) {
  test(`KEY: ${what} is REQUEST_KEY_EMPTY`, (t) => {
    const error = t.throws(() => plan(method, hex(bytes)), { instanceOf: RegatherError });
    t.is(error?.code, 'REQUEST_KEY_EMPTY');
    t.is(error?.grpc, 3);
    t.is(error?.field, field);
    t.is(
      error?.message,
      `Expected "${field}" of plans.v1.Request to be the key that says which shard the request goes to; ${how}`,
    );
  });
}

function pieces(method: string, bytes: Buffer) {
  const { tasks, context, payload } = plan(method, bytes);
  checkAscending(tasks.map(({ shard }) => shard));
  return {
    asked: context.asked!,
    payload,
    byShard: new Map(tasks.map((task) => [task.shard, decode(task.payload!)])),
  };
}

function checkAscending(shards: readonly number[]): void {
  for (let i = 1; i < shards.length; i++)
    if (shards[i]! <= shards[i - 1]!) throw new Error('tasks out of order');
}

test('SPLIT: each shard gets its keys in order, and everything else', (t) => {
  const ids = Array.from({ length: 40 }, (_, i) => `id-${i}`);
  const { asked, byShard, payload } = pieces(
    'SplitIds',
    encode({ text: 'a', ids, limit: 3, page: { cursor: 'c' } }),
  );
  t.is(payload.length, 0);
  t.is(byShard.size, 8);
  for (const [shard, request] of byShard) {
    t.deepEqual(
      request.ids,
      ids.filter((id) => shardOf(id, 8) === shard),
    );
    t.is(request.text, 'a');
    t.is(request.limit, 3);
    t.deepEqual({ ...(request.page as object) }, { cursor: 'c' });
  }
  t.is(asked.length, 40);
  for (const [i, { shard, index, key }] of asked.entries()) {
    t.is((byShard.get(shard)!.ids as string[])[index], ids[i]);
    t.deepEqual(Buffer.from(key), Buffer.from(ids[i]!));
  }
});

test('SPLIT: other fields that every shard would get a copy of are bounded', (t) => {
  const ids = Array.from({ length: 4000 }, (_, i) => `id-${i}`);
  const request = encode({ text: 'x'.repeat(1_000_000), ids });
  const error = t.throws(
    () =>
      planRequest(
        methodOf('SplitIds'),
        request,
        { ...topology, shardCount: 1000 },
        { leaf: false, pick: () => 0 },
      ),
    { instanceOf: RegatherError },
  );
  t.is(error.code, 'REQUEST_TOO_LARGE');
  t.regex(error.message, /10000\d\d bytes for \d+ shards/);
});

test('what a request and its plan keep: nothing twice that is shared, and each copy', (t) => {
  const shared = encode({ text: 'a' });
  t.is(requestBytes(shared, plan('All', shared)), shared.length);
  const limited = encode({ text: 'a', limit: 3, offset: 4 });
  const rewritten = plan('Top', limited);
  t.not(rewritten.payload, limited);
  t.is(requestBytes(limited, rewritten), limited.length + rewritten.payload.length);
  const ids = Array.from({ length: 40 }, (_, i) => `id-${i}`);
  const split = encode({ text: 'x'.repeat(10_000), ids });
  const bytes = requestBytes(split, plan('SplitIds', split));
  t.true(bytes > 90_000 && bytes < 91_000, `${bytes}: the text for each of 8 shards, and the request`);
});

test('SPLIT: a key asked twice is sent once', (t) => {
  const { asked, byShard } = pieces('SplitIds', encode({ ids: ['a', 'b', 'a', 'a'] }));
  const sent = [...byShard.values()].flatMap((request) => request.ids as string[]);
  t.deepEqual(sent.sort(), ['a', 'b']);
  t.is(asked.length, 4);
  t.deepEqual(asked[2], asked[0]);
  t.deepEqual(asked[3], asked[0]);
});

test('SPLIT: integers packed and unpacked, in the form that the schema declares', (t) => {
  // numbers packed [1, 300], unpacked 2, 300 again; the schema says packed.
  const { asked, byShard } = pieces('SplitNumbers', hex('3a03 01ac02 3802 38ac02'));
  t.deepEqual(
    asked.map(({ key }) => Buffer.from(key)),
    [1, 300, 2, 300].map((value) => Buffer.from(keyBytes(value))),
  );
  const sent = [...byShard.values()].flatMap((request) => request.numbers as string[]);
  t.deepEqual(sent.sort(), ['1', '2', '300']);
  // small packed [1, -1]; the schema says unpacked.
  const small = plan('SplitSmall', hex('4202 0201'));
  t.deepEqual(
    small.tasks.map(({ shard, payload }) => [shard, Buffer.from(payload!).toString('hex')]),
    [
      [shardOf(1, 8), '4002'],
      [shardOf(-1, 8), '4001'],
    ].sort((a, b) => Number(a[0]) - Number(b[0])),
  );
});

test('SPLIT: 0 is a key, and equal integers in other encodings are one', (t) => {
  const { asked } = pieces('SplitNumbers', hex('3800 388000 3880808000'));
  t.is(asked.length, 3);
  t.deepEqual(asked[0], { shard: shardOf(0, 8), index: 0, key: keyBytes(0) as Buffer });
  t.is(asked[1], asked[0]);
  t.is(asked[2], asked[0]);
});

test('SPLIT: keys within a message, which may be split', (t) => {
  // nested {ids: "a", note: "n"}, text "t", nested {ids: "b"}
  const { byShard, asked } = pieces('SplitNested', hex('4a06 0a0161 12016e 0a0174 4a03 0a0162'));
  t.is(asked.length, 2);
  for (const [shard, request] of byShard) {
    const { ids, note } = request.nested as { ids: string[]; note: string };
    t.deepEqual(
      ids,
      ['a', 'b'].filter((id) => shardOf(id, 8) === shard),
    );
    t.is(note, 'n');
    t.is(request.text, 't');
  }
});

test('SPLIT: an empty list asks nobody', (t) => {
  const { tasks, context } = plan('SplitIds', encode({ text: 'a' }));
  t.deepEqual(tasks, []);
  t.deepEqual(context.asked, []);
  t.deepEqual(plan('SplitNumbers', hex('3a00')).tasks, []);
});

test('SPLIT: an empty key is REQUEST_KEY_EMPTY with its position', (t) => {
  const error = t.throws(() => plan('SplitIds', encode({ ids: ['a', 'b', '', 'c'] })), {
    instanceOf: RegatherError,
  });
  t.is(error?.code, 'REQUEST_KEY_EMPTY');
  t.is(
    error?.message,
    'Expected the keys in "ids" of plans.v1.Request not to be empty, got an empty one at position 2',
  );
});

test('SPLIT: below a root it splits again, and answers a partial', (t) => {
  const { tasks, context } = plan('SplitIds', encode({ ids: ['a', 'b'] }), true);
  t.false(context.final);
  t.is(context.asked?.length, 2);
  t.is(tasks.length, new Set([shardOf('a', 8), shardOf('b', 8)]).size);
});

test('bytes that are no request are REQUEST_MALFORMED with message, field and offset, in every mode', (t) => {
  for (const method of ['All', 'Any', 'ById', 'SplitIds', 'Top']) {
    const error = t.throws(() => plan(method, hex('0a0161 1080')), { instanceOf: RegatherError });
    t.is(error?.code, 'REQUEST_MALFORMED');
    t.is(error?.grpc, 3);
    t.is(
      error?.message,
      `Expected the request of ${method} to decode, got a varint that is cut off or too long (plans.v1.Request.limit at byte 4)`,
    );
  }
});
