import test from 'ava';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { AskedKey } from '../../shared/merge/merger.ts';
import type { FieldMerge, FieldShape, MessageMerge } from '../../shared/schema/plan.ts';
import { bytes, explicit, failure, hex, merged } from './merging.ts';
import { field, finish, merge, message, method, order, partial, path, shape, window } from './shapes.ts';

const hit = shape(
  'Hit',
  field(1, 'id', 'string'),
  field(2, 'score', 'double'),
  field(3, 'rank', 'int64', explicit),
  field(4, 'title', 'string'),
);
const [id, score, rank, title] = hit.fields as [FieldShape, FieldShape, FieldShape, FieldShape];
const hits = field(1, 'hits', 'message', { repeated: true, message: hit, typeName: 'Hit' });

function list(...items: readonly Buffer[]): Buffer {
  return bytes(...items.map((item) => [hits, item] as const));
}

function top(by: string): MessageMerge {
  return message('Answer', merge(hits, { kind: 'top', by: order(hit, by), window: 0 }, true));
}

test('top: partials needn’t be sorted, ties break by the next key and then by bytes, NaN and absent come last', (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => bytes([id, name], [score, 1])) as [Buffer, Buffer, Buffer];
  const best = bytes([id, 'z'], [score, 2]);
  t.is(merged(top('score desc, id'), [list(c, best), list(b, a)], window(0, 3)), hex(list(best, a, b)));
  t.is(merged(top('score desc, id'), [list(c, best), list(b, a)], window(1, 2)), hex(list(a, b)));
  t.is(merged(top('score desc, id'), [list(c, best), list(b, a)], window(3, 9)), hex(list(c)));
  t.is(merged(top('score desc, id'), [list(c)], window(3, 9)), '');
  const [x, y] = [bytes([id, 'q'], [title, 'x']), bytes([id, 'q'], [title, 'y'])];
  t.is(merged(top('id'), [list(y), list(x, y)], window(0, Infinity)), hex(list(x, y, y)));
  const nan = bytes([id, 'n'], [score, NaN]);
  const low = bytes([id, 'l'], [score, -Infinity]);
  t.is(merged(top('score desc'), [list(nan, low)], window(0, 9)), hex(list(low, nan)));
  t.is(merged(top('score'), [list(nan, best, low)], window(0, 9)), hex(list(low, best, nan)));
  const [first, second, none] = [bytes([rank, -1n]), bytes([rank, 0n]), bytes([id, 'none'])];
  t.is(merged(top('rank'), [list(none, second, first)], window(0, 9)), hex(list(first, second, none)));
  t.is(merged(top('rank desc'), [list(none, second, first)], window(0, 9)), hex(list(second, first, none)));
});

test('top: integers beyond 2^53 and texts with a common beginning are told apart', (t) => {
  const big = [0n, 1n, 2n].map((more) => bytes([rank, (1n << 60n) + more])) as [Buffer, Buffer, Buffer];
  t.is(
    merged(top('rank desc'), [list(big[1], big[0]), list(big[2])], window(0, 2)),
    hex(list(big[2], big[1])),
  );
  const ids = ['prefix-a', 'prefix', 'prefix-b', 'prefi'].map((name) => bytes([id, name])) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  t.is(
    merged(top('id desc'), [list(ids[0], ids[1]), list(ids[2], ids[3])], window(0, 9)),
    hex(list(ids[2], ids[0], ids[1], ids[3])),
  );
});

// The tag of a sort key written in two bytes where one would do: legal, and no serializer does it. The item was ranked as if it had no
// key, but compared by it, so its place depended on what it was merged with.
test('top: a sort key whose tag is over-long ranks as any other', (t) => {
  const overLong = Buffer.concat([Buffer.from('9100', 'hex'), bytes([score, 5]).subarray(1)]);
  const [low, high] = [bytes([id, 'low'], [score, 1]), bytes([id, 'high'], [score, 9])];
  t.is(
    merged(top('score desc'), [list(low, high), list(overLong)], window(0, 9)),
    hex(list(high, overLong, low)),
  );
});

test('top: a root below a root keeps offset + limit from 0', (t) => {
  const items = ['a', 'b', 'c', 'd'].map((name) => bytes([id, name]));
  t.is(merged(top('id'), [list(...items)], window(0, 3, false)), hex(list(...items.slice(0, 3))));
  t.is(merged(top('id'), [list(...items)], window(1, 2, false)), hex(list(...items.slice(0, 3))));
});

test('items keep their unknown fields, merged messages drop and count theirs', (t) => {
  const stats = message('Stats', merge(field(1, 'n', 'int64'), { kind: 'sum' }, true));
  const of = message(
    'Answer',
    merge(hits, { kind: 'concat' }, false),
    merge(field(2, 'stats', 'message', { message: stats.shape }), { kind: 'message', merge: stats }, true),
  );
  const merger = compileMerger(method(of), new Map());
  const strange = Buffer.from('a83e01', 'hex'); // field 1001
  const partials = [
    Buffer.concat([list(Buffer.concat([bytes([id, 'a']), strange])), strange]),
    Buffer.concat([Buffer.from('1205', 'hex'), Buffer.from('0801', 'hex'), strange, strange]),
  ];
  const { payload, unknownFields } = merger.merge(
    partials.map((each, shard) => merger.stage([shard], each, [])),
    finish,
  );
  t.is(hex(payload), `${hex(list(Buffer.concat([bytes([id, 'a']), strange])))}12020801`);
  t.is(unknownFields, 3);
});

const row = message(
  'Row',
  merge(field(1, 'name', 'string'), { kind: 'key' }, true),
  merge(field(2, 'total', 'int64'), { kind: 'sum' }, true),
  merge(field(3, 'count', 'int64'), { kind: 'sum' }, true, true),
  merge(
    field(4, 'mean', 'double', explicit),
    { kind: 'avg', sum: field(2, 'total', 'int64'), count: field(3, 'count', 'int64') },
    true,
  ),
);
const [name, total, count, mean] = row.shape.fields as [FieldShape, FieldShape, FieldShape, FieldShape];
const rows = field(1, 'rows', 'message', { repeated: true, message: row.shape, typeName: 'Row' });

function grouped(by: string): MessageMerge {
  return message(
    'Answer',
    merge(
      rows,
      {
        kind: 'group',
        by: [path(row.shape, 'name')],
        item: row,
        order: by === '' ? [] : order(row.shape, by),
        orderFrom: 0,
        window: 0,
      },
      true,
    ),
  );
}

test('group: sorted by an average and by a field that the answer leaves out, then windowed; partials are sorted by key', (t) => {
  const of = (...items: readonly (readonly [string, bigint, bigint])[]) =>
    bytes(...items.map(([a, b, c]) => [rows, bytes([name, a], [total, b], [count, c])] as const));
  const answer = (...items: readonly (readonly [string, bigint, number])[]) =>
    hex(bytes(...items.map(([a, b, c]) => [rows, bytes([name, a], [total, b], [mean, c])] as const)));
  const partials = [of(['a', 10n, 5n], ['b', 9n, 1n]), of(['c', 8n, 8n], ['a', 10n, 5n])];
  t.is(
    merged(grouped('mean desc'), partials, window(0, Infinity)),
    answer(['b', 9n, 9], ['a', 20n, 2], ['c', 8n, 1]),
  );
  t.is(merged(grouped('count'), partials, window(1, 1)), answer(['c', 8n, 1]));
  t.is(merged(grouped(''), partials, window(0, 2)), answer(['a', 20n, 2], ['b', 9n, 9]));
  const asked = { ...window(0, 1), orders: [order(row.shape, 'total desc')] };
  t.is(merged(grouped('count'), partials, asked), answer(['a', 20n, 2]));
  t.is(
    merged(grouped('mean'), partials, window(1, 1, false)),
    hex(of(['a', 20n, 10n], ['b', 9n, 1n], ['c', 8n, 8n])),
    'not final: all groups, by key, with internal fields and without averages',
  );
});

test('avg: nothing without a count, whatever comes in', (t) => {
  const of = message('Answer', ...row.fields.slice(1));
  t.is(
    merged(of, [bytes([total, 3n], [count, 2n], [mean, 77]), bytes([count, 1n])]),
    hex(bytes([total, 3n], [mean, 1])),
  );
  t.is(merged(of, [bytes([total, 3n], [mean, 77])]), hex(bytes([total, 3n])));
});

test('internal fields travel between roots and are left out of the final answer', (t) => {
  const of = message(
    'Answer',
    merge(field(1, 'a', 'int64'), { kind: 'sum' }, true),
    merge(field(2, 'b', 'int64'), { kind: 'sum' }, true, true),
  );
  const partials = [Buffer.from('08011002', 'hex')];
  t.is(merged(of, partials, partial), '08011002');
  t.is(merged(of, partials, finish), '0801');
});

const text8 = (value: string): Uint8Array => Buffer.from(value);
const ask = (shard: number, index: number, key: Uint8Array): AskedKey => ({ shard, index, key });

function aligned(by: FieldMerge['spec'] & { kind: 'align' }): MessageMerge {
  return message('Answer', merge(hits, by, false));
}

test('align by a field: the asked order, repeats repeated, missing keys skipped, foreign ones ignored', (t) => {
  const asked = [
    ask(1, 0, text8('x')),
    ask(0, 0, text8('a')),
    ask(0, 1, text8('gone')),
    ask(1, 0, text8('x')),
    ask(1, 1, text8('')),
  ];
  const [x, a, none] = [bytes([id, 'x'], [title, 'X']), bytes([id, 'a']), bytes([title, 'empty key'])];
  // "x" from shard 0, which doesn't own it, doesn't count.
  const partials = [list(a, bytes([id, 'x'], [title, 'impostor'])), list(none, x)];
  t.is(
    merged(aligned({ kind: 'align', by: path(hit, 'id') }), partials, { ...finish, asked }),
    hex(list(x, a, x, none)),
  );
  const numbers = [7n, -7n].map((value) => {
    const key = Buffer.alloc(8);
    key.writeBigInt64LE(value);
    return ask(0, 0, key);
  });
  const ranked = [list(bytes([rank, -7n]), bytes([rank, 7n]))];
  t.is(
    merged(aligned({ kind: 'align', by: path(hit, 'rank') }), ranked, { ...finish, asked: numbers }),
    hex(list(bytes([rank, 7n]), bytes([rank, -7n]))),
  );
});

test('align by position: exactly one item a key, or the partial is malformed and its shard named', (t) => {
  const asked = [ask(1, 0, text8('x')), ask(0, 0, text8('a')), ask(1, 1, text8('y')), ask(1, 0, text8('x'))];
  const [x, y, a] = ['x', 'y', 'a'].map((each) => bytes([id, each])) as [Buffer, Buffer, Buffer];
  const of = aligned({ kind: 'align' });
  t.is(merged(of, [list(a), list(x, y)], { ...finish, asked }), hex(list(x, a, y, x)));
  const error = failure(() => merged(of, [list(a), list(x)], { ...finish, asked }));
  t.is(error.code, 'PARTIAL_MALFORMED');
  t.deepEqual(error.shards, [1]);
  t.regex(error.message, /one item for each of 2 keys, got 1 from shard 1 \(Answer\.hits\)/);
  const values = field(1, 'values', 'sint32', { repeated: true });
  const scalars = message('Answer', merge(values, { kind: 'align' }, false));
  t.is(
    merged(scalars, [Buffer.from('0a0106', 'hex'), Buffer.from('08020804', 'hex')], { ...finish, asked }),
    '0a0402060402',
  );
});

test('concat and union write repeated numbers as their field is declared, whatever form they came in', (t) => {
  const packed = field(1, 'it', 'int32', { repeated: true });
  const loose = field(1, 'it', 'int32', { repeated: true, packed: false });
  const partials = [Buffer.from('08050a020102', 'hex'), Buffer.from('0805', 'hex')];
  t.is(merged(message('A', merge(packed, { kind: 'concat' }, false)), partials), '0a0405010205');
  t.is(merged(message('A', merge(loose, { kind: 'concat' }, false)), partials), '0805080108020805');
  t.is(merged(message('A', merge(packed, { kind: 'union', by: [] }, true)), partials), '0a03010205');
  t.is(merged(message('A', merge(loose, { kind: 'union', by: [] }, true)), partials), '080108020805');
});

test('union by fields: the lowest shard’s item, in order of first appearance', (t) => {
  const of = message(
    'Answer',
    merge(hits, { kind: 'union', by: [path(hit, 'id'), path(hit, 'rank')] }, false),
  );
  const item = (a: string, b: bigint | undefined, c: string) =>
    bytes([id, a], ...(b === undefined ? [] : [[rank, b] as const]), [title, c]);
  const partials = [
    list(item('b', 1n, '0')),
    list(item('a', 0n, '1'), item('b', 1n, '1'), item('a', undefined, '1')),
    list(item('a', 0n, '2')),
  ];
  t.is(merged(of, partials), hex(list(item('b', 1n, '0'), item('a', 0n, '1'), item('a', undefined, '1'))));
});

test('proto2 groups merge, copy and sort like messages', (t) => {
  const group = field(1, 'hits', 'group', { repeated: true, message: hit });
  const of = message('Answer', merge(group, { kind: 'top', by: order(hit, 'id') }, true));
  const [a, b] = [Buffer.from('0b0a0161110000000000f0bf0c0c', 'hex'), Buffer.from('0b0a01620c', 'hex')];
  t.is(merged(of, [Buffer.concat([b, a])]), hex(Buffer.concat([a, b])));
  const totals = message('Totals', merge(field(1, 'n', 'int64'), { kind: 'sum' }, true));
  const nested = message(
    'Answer',
    merge(field(2, 'totals', 'group', { message: totals.shape }), { kind: 'message', merge: totals }, true),
  );
  const three = Buffer.from('13080314', 'hex');
  t.is(merged(nested, [three, Buffer.alloc(0), three]), '13080614');
});

test('a malformed partial names its shard, the field and the byte', (t) => {
  const merger = compileMerger(method(top('id')), new Map());
  const error = failure(() => merger.stage([7], Buffer.from('0a040a036162', 'hex'), []));
  t.is(error.code, 'PARTIAL_MALFORMED');
  t.deepEqual(error.shards, [7]);
  t.is(
    error.message,
    'Expected the partial of shard 7 to decode, got a length that runs past the end (Hit.id at byte 3)',
  );
  t.is(
    failure(() => merger.stage([7], Buffer.from('0a020801', 'hex'), [])).message,
    'Expected the partial of shard 7 to decode, got wire type 0 where string has 2 (Hit.id at byte 3)',
  );
  t.is(failure(() => merger.stage([7], Buffer.from('0801', 'hex'), [])).field, 'Answer.hits');
});
