/**
 * Single fields of a message that stays bytes: reading one, and replacing one. A path leads through singular messages, which may
 * occur more than once on the wire: protobuf merges them, so the last occurrence that has the field counts. (protobufjs
 * replaces instead; that's why `replaceField` leaves one occurrence.)
 *
 * The bytes should have passed `check`. Where they haven't and are malformed, these functions throw WireFault.
 */
import type { FieldPath, FieldShape } from '../schema/plan.ts';
import { groupBodyEnd } from './check.ts';
import { WireFault } from './fault.ts';
import { END_GROUP, LEN, START_GROUP, skipValue, tagEnd, varintEnd, varintLow } from './reader.ts';
import { readScalar, type ScalarValue, wireTypeOf } from './scalar.ts';
import { Writer } from './writer.ts';

/** The value at the end of the path; undefined: not on the wire. Of a repeated field, its last value that isn't packed. */
export function readPath(bytes: Uint8Array, path: FieldPath): ScalarValue | undefined {
  const at = findPath(bytes, 0, bytes.length, path.fields, 0);
  const field = path.fields[path.fields.length - 1]!;
  return at < 0 ? undefined : readScalar(field.type, bytes, at);
}

/** Where the value at the end of the path begins; -1: not on the wire. Packed values aren't looked into. */
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
    const next = valueAt < 0 ? -1 : skipValue(bytes, valueAt, end, tag);
    if (next < 0) throw fault(field, pos);
    if (tag === wanted) {
      if (isLast) found = valueAt;
      else {
        const start = bodyStart(bytes, valueAt, end, tag);
        const inner = findPath(bytes, start, bodyEnd(bytes, next, tag), fields, level + 1);
        if (inner >= 0) found = inner;
      }
    }
    pos = next;
  }
  return found;
}

function fault(field: FieldShape, pos: number): WireFault {
  return new WireFault('a malformed field', field.name, pos);
}

function bodyStart(bytes: Uint8Array, valueAt: number, end: number, tag: number): number {
  return (tag & 7) === LEN ? varintEnd(bytes, valueAt, end) : valueAt;
}

function bodyEnd(bytes: Uint8Array, next: number, tag: number): number {
  return (tag & 7) === START_GROUP ? groupBodyEnd(bytes, next, tag) : next;
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
  const field = fields[level]!;
  const isLast = level === fields.length - 1;
  const inner: Uint8Array[] = isLast ? [] : parts.flatMap((part) => bodies(part, field));
  let seen = 0;
  for (const part of parts) {
    for (let pos = 0; pos < part.length; ) {
      const next = fieldEnd(part, pos, field);
      if (varintLow(part, pos) >>> 3 !== field.number) out.copy(part, pos, next);
      else if (!isLast && ++seen === inner.length) writeWithin(inner, fields, level, encoded, out);
      pos = next;
    }
  }
  if (isLast) out.copy(encoded, 0, encoded.length);
  else if (seen === 0 && encoded.length > 0) writeWithin(inner, fields, level, encoded, out);
}

/** The content of each occurrence of a message in another. */
function bodies(part: Uint8Array, field: FieldShape): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let pos = 0; pos < part.length; ) {
    const next = fieldEnd(part, pos, field);
    const tag = varintLow(part, pos);
    if (tag >>> 3 === field.number) {
      const start = bodyStart(part, tagEnd(part, pos, part.length), part.length, tag);
      found.push(part.subarray(start, bodyEnd(part, next, tag)));
    }
    pos = next;
  }
  return found;
}

function fieldEnd(part: Uint8Array, pos: number, wanted: FieldShape): number {
  const valueAt = tagEnd(part, pos, part.length);
  const next = valueAt < 0 ? -1 : skipValue(part, valueAt, part.length, varintLow(part, pos));
  if (next < 0) throw fault(wanted, pos);
  return next;
}

function writeWithin(
  inner: readonly Uint8Array[],
  fields: readonly FieldShape[],
  level: number,
  encoded: Uint8Array,
  out: Writer,
): void {
  const { number, type } = fields[level]!;
  if (type === 'group') {
    out.tag(number, START_GROUP);
    replaceWithin(inner, fields, level + 1, encoded, out);
    out.tag(number, END_GROUP);
    return;
  }
  const start = out.open(number);
  replaceWithin(inner, fields, level + 1, encoded, out);
  out.close(start);
}
