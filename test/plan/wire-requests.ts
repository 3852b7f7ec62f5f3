/** Requests as no encoder writes them but protobuf allows: any order, repeated singular fields, split messages, unknown fields. */
import fc from 'fast-check';
import { Writer } from '../../shared/wire/writer.ts';

type Write = (out: Writer) => void;

function record(...writes: Write[]): Write {
  return (out) => {
    for (const write of writes) write(out);
  };
}

function bytesOf(writes: readonly Write[]): Buffer {
  const out = new Writer();
  for (const write of writes) write(out);
  return out.finish();
}

function nested(number: number, writes: readonly Write[]): Write {
  return (out) => {
    out.tag(number, 2);
    out.bytes(bytesOf(writes));
  };
}

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 });
const integer = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -3n, max: 3n }),
);

function text(number: number): fc.Arbitrary<Write> {
  return word.map((value) => (out: Writer) => {
    out.tag(number, 2);
    out.string(value);
  });
}

function varint(number: number, values: fc.Arbitrary<bigint>): fc.Arbitrary<Write> {
  return values.map((value) => (out: Writer) => {
    out.tag(number, 0);
    out.integer(value);
  });
}

function small(max: number): fc.Arbitrary<bigint> {
  return fc.bigInt({ min: 0n, max: BigInt(max) });
}

function packed(number: number): fc.Arbitrary<Write> {
  return fc.array(integer, { maxLength: 5 }).map((values) => (out: Writer) => {
    const inner = new Writer();
    for (const value of values) inner.integer(value);
    out.tag(number, 2);
    out.bytes(inner.finish());
  });
}

function message(number: number, fields: fc.Arbitrary<Write>): fc.Arbitrary<Write> {
  return fc.array(fields, { maxLength: 4 }).map((writes) => nested(number, writes));
}

const unknown = fc.oneof(
  varint(900, integer),
  text(901),
  fc.constant(
    record(
      (out) => out.tag(902, 3),
      (out) => out.tag(1, 0),
      (out) => out.integer(-1n),
      (out) => out.tag(902, 4),
    ),
  ),
);

const page = message(
  4,
  fc.oneof(varint(1, small(3000)), varint(2, small(3000)), text(3), varint(4, small(3000)), unknown),
);
const limits = fc.oneof(varint(2, small(3000)), varint(3, small(3000)), varint(24, small(3000)), page);
const others = fc.oneof(
  text(1),
  text(10),
  varint(11, integer),
  message(14, fc.oneof(text(1), varint(2, integer))),
  unknown,
);
const keys = fc.oneof(
  text(6),
  text(6),
  varint(7, integer),
  packed(7),
  varint(8, small(6)),
  message(9, fc.oneof(text(1), text(1), text(2), unknown)),
);

/** Limits and offsets up to 3000 each, among other fields. */
export const limitRequest: fc.Arbitrary<Buffer> = fc
  .array(fc.oneof(limits, limits, others, keys), { maxLength: 12 })
  .map(bytesOf);

/** Lists of keys among other fields. */
export const keyRequest: fc.Arbitrary<Buffer> = fc
  .array(fc.oneof(keys, keys, keys, others, page), { maxLength: 20 })
  .map(bytesOf);

function double(number: number): fc.Arbitrary<Write> {
  return fc.double().map((value) => (out: Writer) => {
    out.tag(number, 1);
    out.double(value);
  });
}

const { blobFields } = fc.letrec<{ blobFields: Write }>((tie) => ({
  blobFields: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text(1),
    varint(2, integer),
    double(3),
    small(1000).map((value) => (out: Writer) => {
      out.tag(4, 5);
      out.fixed32(Number(value));
    }),
    packed(6),
    varint(6, integer),
    double(7),
    text(8),
    unknown,
    fc.array(tie('blobFields'), { maxLength: 3 }).map((writes) => nested(5, writes)),
    fc
      .tuple(varint(1, small(9)), fc.array(tie('blobFields'), { maxLength: 2 }))
      .map(([key, value]) => nested(9, [key, nested(2, value)])),
  ),
}));

/** A Blob, whole. */
export const blob: fc.Arbitrary<Buffer> = fc.array(blobFields, { maxLength: 8 }).map(bytesOf);

/** Bytes that were a message once: cut off, or with a few bytes changed, put in or taken out. */
export function mutated(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.tuple(fc.constantFrom('set', 'insert', 'delete', 'cut'), fc.nat(), fc.nat(255));
  return fc.tuple(whole, fc.array(change, { minLength: 1, maxLength: 3 })).map(([bytes, changes]) => {
    const list = [...bytes];
    for (const [kind, where, byte] of changes) {
      const at = list.length === 0 ? 0 : where % list.length;
      if (kind === 'cut') list.length = at;
      else if (kind === 'set' && list.length > 0) list[at] = byte;
      else list.splice(at, kind === 'delete' ? 1 : 0, ...(kind === 'insert' ? [byte] : []));
    }
    return Buffer.from(list);
  });
}
