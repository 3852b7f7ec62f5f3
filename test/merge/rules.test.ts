import test from 'ava';
import { compileMerger } from '../../shared/merge/compile.ts';
import { bytes, explicit, failure, hex, merged } from './merging.ts';
import { field, merge, message, method, partial } from './shapes.ts';

test('integer sums may leave their type on the way, but not in the end', (t) => {
  const total = field(1, 'total', 'int64');
  const of = message('Answer', merge(total, { kind: 'sum' }, true));
  const most = bytes([total, (1n << 63n) - 1n]);
  const least = bytes([total, -(1n << 63n)]);
  t.is(merged(of, [most, most, least, least]), hex(bytes([total, -2n])));
  const odd = (1n << 53n) - 1n;
  t.is(
    merged(of, [bytes([total, odd]), bytes([total, 2n]), bytes([total, 1n])]),
    hex(bytes([total, odd + 3n])),
  );
  t.is(merged(of, [bytes([total, odd]), bytes([total, 2n])]), hex(bytes([total, odd + 2n])));
  const error = failure(() => merged(of, [most, most, bytes([total, -1n])]));
  t.is(error.code, 'MERGE_OUT_OF_RANGE');
  t.is(error.grpc, 11);
  t.is(error.message, 'Expected a sum that fits int64, got 18446744073709551613 (Answer.total)');
});

test('a worker whose sum overflows combines nothing, so that the sum of all may still fit', (t) => {
  const total = field(1, 'total', 'uint32');
  const signed = field(1, 'total', 'sint32');
  const merger = compileMerger(method(message('Answer', merge(signed, { kind: 'sum' }, true))), new Map());
  const half = { shard: 0, payload: bytes([signed, 0x7fffffff]) };
  t.is(merger.combine([half, { ...half, shard: 1 }], partial), undefined);
  const malformed = failure(() =>
    merger.combine([half, { shard: 1, payload: Buffer.from('08', 'hex') }], partial),
  );
  t.is(malformed.code, 'PARTIAL_MALFORMED');
  t.deepEqual(malformed.shards, [1]);
  t.is(
    hex(merger.combine([half, { shard: 1, payload: bytes([signed, -5]) }], partial)!.data),
    hex(bytes([signed, 0x7ffffffa])),
  );
  t.is(
    failure(() =>
      merged(message('Answer', merge(total, { kind: 'sum' }, true)), [
        bytes([total, 4294967295]),
        bytes([total, 1]),
      ]),
    ).code,
    'MERGE_OUT_OF_RANGE',
  );
});

test('float sums: a NaN makes the sum NaN with one pattern, zeros make +0, shard order decides the rounding', (t) => {
  const it = field(1, 'it', 'double', explicit);
  const of = message('Answer', merge(it, { kind: 'sum' }, false));
  t.is(merged(of, [bytes([it, Infinity]), bytes([it, -Infinity])]), '09000000000000f87f');
  const negativeNaN = Buffer.from('09010000000000f8ff', 'hex');
  t.is(merged(of, [negativeNaN, bytes([it, 1])]), '09000000000000f87f');
  t.is(merged(of, [bytes([it, -0]), bytes([it, -0])]), hex(bytes([it, 0])));
  t.is(merged(of, [bytes([it, 0.1]), bytes([it, 0.2]), bytes([it, 0.3])]), hex(bytes([it, 0.1 + 0.2 + 0.3])));
  t.is(merged(of, [Buffer.alloc(0)]), '');
});

test('min and max: NaN is above every number, -0 below +0, absent is neutral', (t) => {
  const it = field(1, 'it', 'double', explicit);
  const min = message('Answer', merge(it, { kind: 'min' }, true));
  const max = message('Answer', merge(it, { kind: 'max' }, true));
  const all = [bytes([it, NaN]), bytes([it, 0]), bytes([it, -0]), Buffer.alloc(0)];
  t.is(merged(min, all), hex(bytes([it, -0])));
  t.is(merged(max, all), hex(bytes([it, NaN])));
  t.is(merged(max, all.slice(1)), hex(bytes([it, 0])));
  t.is(merged(min, [all[0]!]), hex(bytes([it, NaN])));
  t.is(merged(min, [all[3]!]), '');
  const wide = field(1, 'it', 'uint64', explicit);
  const above = message('Answer', merge(wide, { kind: 'max' }, true));
  t.is(
    merged(above, [bytes([wide, (1n << 64n) - 2n]), bytes([wide, (1n << 64n) - 1n]), bytes([wide, 1n])]),
    '08ffffffffffffffffff01',
  );
});

test('an absent bool without presence is false: it makes all false', (t) => {
  const it = field(1, 'it', 'bool');
  t.is(merged(message('Answer', merge(it, { kind: 'all' }, true)), [bytes([it, true]), Buffer.alloc(0)]), '');
  t.is(
    merged(message('Answer', merge(it, { kind: 'any' }, true)), [bytes([it, true]), Buffer.alloc(0)]),
    '0801',
  );
  const optional = field(1, 'it', 'bool', explicit);
  t.is(
    merged(message('Answer', merge(optional, { kind: 'all' }, true)), [bytes([it, true]), Buffer.alloc(0)]),
    '0801',
  );
  t.is(merged(message('Answer', merge(optional, { kind: 'any' }, true)), [bytes([it, false])]), '0800');
});

test('a disagreement names the field and two shards', (t) => {
  const it = field(3, 'version', 'string', explicit);
  const of = message('acme.Answer', merge(it, { kind: 'same' }, false));
  t.is(merged(of, [Buffer.alloc(0), bytes([it, 'v1']), bytes([it, 'v1'])]), hex(bytes([it, 'v1'])));
  const error = failure(() =>
    merged(of, [Buffer.alloc(0), bytes([it, 'v1']), bytes([it, 'v1']), bytes([it, 'v2'])]),
  );
  t.is(error.code, 'MERGE_DISAGREEMENT');
  t.is(
    error.message,
    'Expected all shards to agree on acme.Answer.version, got different values from shard 1 and shard 3',
  );
  t.deepEqual(error.shards, [1, 3]);
});

const number = field(1, 'number', 'int64', { ...explicit, oneof: 'choice' });
const text = field(2, 'text', 'string', { ...explicit, oneof: 'choice' });

test('shards that set different members of a oneof disagree, and the error names it and them', (t) => {
  const of = message('Answer', merge(number, { kind: 'sum' }, false), merge(text, { kind: 'first' }, false));
  t.is(merged(of, [bytes([number, 2n]), Buffer.alloc(0), bytes([number, 3n])]), hex(bytes([number, 5n])));
  const error = failure(() =>
    merged(of, [Buffer.alloc(0), bytes([number, 2n]), bytes([number, 2n]), bytes([text, 'a'])]),
  );
  t.is(error.code, 'MERGE_DISAGREEMENT');
  t.regex(error.message, /member of the oneof Answer\.choice, got number from shard 1 and text from shard 3/);
  t.deepEqual(error.shards, [1, 3]);
  // Within a partial the last member counts and clears the others, also for good: it isn't summed later.
  t.is(
    merged(of, [bytes([number, 9n], [text, 'a'], [number, 1n]), bytes([number, 1n])]),
    hex(bytes([number, 2n])),
  );
});

test('where every member of a oneof merges by first, the lowest shard that has any decides', (t) => {
  const of = message(
    'Answer',
    merge(number, { kind: 'first' }, false),
    merge(text, { kind: 'first' }, false),
  );
  t.is(merged(of, [Buffer.alloc(0), bytes([text, 'a']), bytes([number, 2n])]), hex(bytes([text, 'a'])));
  t.is(merged(of, [bytes([text, 'a'], [number, 2n]), bytes([text, 'b'])]), hex(bytes([number, 2n])));
});

test('a free field in a segment, or an ordered one outside, means that the worker merges by other rules: refused', (t) => {
  const of = message(
    'Answer',
    merge(field(1, 'n', 'int64'), { kind: 'sum' }, true),
    merge(field(2, 'x', 'double'), { kind: 'sum' }, false),
  );
  const merger = compileMerger(method(of), new Map());
  const [n, x] = [Buffer.from('0801', 'hex'), bytes([of.shape.fields[1]!, 1])];
  t.notThrows(() => merger.stage([0, 1], Buffer.concat([n, x, x]), [9, 9]));
  t.regex(
    failure(() => merger.stage([0, 1], Buffer.concat([n, n, x]), [2, 9])).message,
    /a free field in the segment of a shard \(Answer\.n/,
  );
  t.regex(
    failure(() => merger.stage([0, 1], Buffer.concat([x, x]), [0, 9])).message,
    /an ordered field that was combined over shards \(Answer\.x/,
  );
});
