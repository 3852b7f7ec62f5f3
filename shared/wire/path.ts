/**
 * Single fields of a message that stays bytes: reading one, and replacing one. A path leads through singular messages, which may
 * occur more than once on the wire: protobuf merges them, so the last occurrence that has the field counts. (protobufjs
 * replaces instead; that's why `replaceField` leaves one occurrence.)
 *
 * The bytes must have passed `check`; `checkMessageBytes` does it for those who don't keep a `Checks`.
 */
import type { FieldPath, FieldShape, MessageShape } from '../schema/plan.ts';
import { Checks, check } from './check.ts';
import { LEN, MAX_DEPTH, skipValue, tagEnd, VARINT, varintEnd, varintLow } from './reader.ts';
import { readScalar, type ScalarValue, wireTypeOf } from './scalar.ts';
import { Writer } from './writer.ts';

/** Throws WireFault unless the bytes are a message of that type. */
export function checkMessageBytes(bytes: Uint8Array, shape: MessageShape, checks = new Checks()): void {
  check(checks.of(shape), bytes, 0, bytes.length, -1, MAX_DEPTH);
}

/** The value at the end of the path; undefined: not on the wire. Of a repeated field, its last value. */
export function readPath(bytes: Uint8Array, path: FieldPath): ScalarValue | undefined {
  const at = findPath(bytes, 0, bytes.length, path.fields, 0);
  const field = path.fields[path.fields.length - 1]!;
  return at < 0 ? undefined : readScalar(field.type, bytes, at);
}

/** Every value of the repeated (or singular) field at the end of the path, in wire order, packed or not. */
export function readPathAll(bytes: Uint8Array, path: FieldPath): ScalarValue[] {
  const values: ScalarValue[] = [];
  collect(bytes, 0, bytes.length, path.fields, 0, values);
  return values;
}

/** Where the value at the end of the path begins; -1: not on the wire. Of a repeated scalar that is packed: not found. */
export function findPath(
  bytes: Uint8Array,
  pos: number,
  end: number,
  fields: readonly FieldShape[],
  level: number,
): number {
  const field = fields[level]!;
  const wanted = ((field.number << 3) | wireTypeOf(field.type)) >>> 0;
  const isLast = level === fields.length - 1;
  let found = -1;
  while (pos < end) {
    const valueAt = tagEnd(bytes, pos, end);
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, valueAt, end, tag);
    if (tag === wanted) {
      if (isLast) found = valueAt;
      else {
        const inner = findPath(bytes, bodyStart(bytes, valueAt, tag, end), next, fields, level + 1);
        if (inner >= 0) found = inner;
      }
    }
    pos = next;
  }
  return found;
}

function bodyStart(bytes: Uint8Array, valueAt: number, tag: number, end: number): number {
  return (tag & 7) === LEN ? varintEnd(bytes, valueAt, end) : valueAt;
}

function collect(
  bytes: Uint8Array,
  pos: number,
  end: number,
  fields: readonly FieldShape[],
  level: number,
  into: ScalarValue[],
): void {
  const field = fields[level]!;
  const wireType = wireTypeOf(field.type);
  while (pos < end) {
    const valueAt = tagEnd(bytes, pos, end);
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, valueAt, end, tag);
    if (tag >>> 3 === field.number) {
      if (level < fields.length - 1) {
        collect(bytes, bodyStart(bytes, valueAt, tag, end), next, fields, level + 1, into);
      } else if ((tag & 7) === wireType) into.push(readScalar(field.type, bytes, valueAt));
      else if ((tag & 7) === LEN) {
        let at = varintEnd(bytes, valueAt, end);
        while (at < next) {
          into.push(readScalar(field.type, bytes, at));
          at = skipValue(bytes, at, next, wireType === VARINT ? VARINT : wireType);
        }
      }
    }
    pos = next;
  }
}

/**
 * The message with every occurrence of the field at the path replaced by `encoded`: whole fields (tag and value) for the message that
 * the path ends in; empty removes the field. Messages on the way are made if they're absent (not for an empty `encoded`), and
 * occurrences of one message become one, where the last one stood.
 */
export function replaceField(bytes: Uint8Array, path: FieldPath, encoded: Uint8Array): Buffer {
  const out = new Writer(bytes.length + encoded.length + 16);
  replaceWithin([bytes], path.fields, 0, encoded, out);
  return out.finish();
}

/** `parts`: the occurrences of one message, in wire order. */
function replaceWithin(
  parts: readonly Uint8Array[],
  fields: readonly FieldShape[],
  level: number,
  encoded: Uint8Array,
  out: Writer,
): void {
  const { number } = fields[level]!;
  const isLast = level === fields.length - 1;
  const inner: Uint8Array[] = [];
  if (!isLast) {
    for (const part of parts) {
      for (let pos = 0; pos < part.length; ) {
        const valueAt = tagEnd(part, pos, part.length);
        const tag = varintLow(part, pos);
        const next = skipValue(part, valueAt, part.length, tag);
        if (tag >>> 3 === number) inner.push(part.subarray(bodyStart(part, valueAt, tag, part.length), next));
        pos = next;
      }
    }
  }
  let seen = 0;
  for (const part of parts) {
    for (let pos = 0; pos < part.length; ) {
      const valueAt = tagEnd(part, pos, part.length);
      const tag = varintLow(part, pos);
      const next = skipValue(part, valueAt, part.length, tag);
      if (tag >>> 3 !== number) out.copy(part, pos, next);
      else if (!isLast && ++seen === inner.length) writeWithin(inner, fields, level, encoded, out);
      pos = next;
    }
  }
  if (isLast) out.copy(encoded, 0, encoded.length);
  else if (seen === 0 && encoded.length > 0) writeWithin(inner, fields, level, encoded, out);
}

function writeWithin(
  inner: readonly Uint8Array[],
  fields: readonly FieldShape[],
  level: number,
  encoded: Uint8Array,
  out: Writer,
): void {
  const start = out.open(fields[level]!.number);
  replaceWithin(inner, fields, level + 1, encoded, out);
  out.close(start);
}
