/** Wire bytes to proto3 JSON: camelCase names, 64-bit integers as strings, bytes as base64, enums by name; what isn't there is left out. */
import { RegatherError } from '../../shared/errors/errors.ts';
import type { FieldShape, FieldType, MessageShape } from '../../shared/schema/plan.ts';
import {
  asBuffer,
  LEN,
  lengthWithin,
  START_GROUP,
  skipValue,
  tagEnd,
  varintEnd,
  varintLow,
} from '../../shared/wire/reader.ts';
import { readScalar, wireTypeOf } from '../../shared/wire/scalar.ts';
import { type JsonTypes, jsonName } from './types.ts';
import { decodeWellKnown, isWellKnown } from './well-known.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const maxDepth = 100;

/** Throws RegatherError PARTIAL_MALFORMED where the bytes aren't such a message. Unknown fields are left out. */
export function decodeJson(types: JsonTypes, shape: MessageShape, bytes: Uint8Array): Json {
  return readMessage(types, shape, [asBuffer(bytes)], 0);
}

/** A message may come in pieces, which merge: `parts` are its bytes one after the other. */
function readMessage(types: JsonTypes, shape: MessageShape, parts: readonly Buffer[], depth: number): Json {
  if (depth > maxDepth) throw malformed(shape, 'nested too deep');
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  if (isWellKnown(shape.name)) return decodeWellKnown(types, shape, bytes);
  const found = readFields(shape, bytes);
  const result: { [key: string]: Json } = {};
  for (const field of shape.fields) {
    const values = found.get(field);
    if (values === undefined) continue;
    result[jsonName(field.name)] = fieldJson(types, field, values, depth);
  }
  return result;
}

/** A value's bytes with its length or content as `readScalar` wants them; packed ones are taken apart. */
interface Found {
  readonly bytes: Buffer;
  readonly pos: number;
}

function readFields(shape: MessageShape, bytes: Buffer): Map<FieldShape, Found[]> {
  const found = new Map<FieldShape, Found[]>();
  const oneofs = new Map<string, FieldShape>();
  let pos = 0;
  while (pos < bytes.length) {
    const start = tagEnd(bytes, pos, bytes.length);
    if (start < 0) throw malformed(shape, `a broken tag at byte ${pos}`);
    const tag = varintLow(bytes, pos);
    const end = skipValue(bytes, start, bytes.length, tag);
    if (end < 0) throw malformed(shape, `a broken field ${tag >>> 3} at byte ${pos}`);
    pos = end;
    const field = shape.fields.find(({ number }) => number === tag >>> 3);
    if (field === undefined) continue;
    const wireType = tag & 7;
    let values = found.get(field);
    if (values === undefined) {
      values = [];
      found.set(field, values);
    }
    if (wireType === wireTypeOf(field.type)) {
      // A group ends with its closing tag, which isn't part of it.
      const value =
        wireType === START_GROUP ? { bytes: groupBody(bytes, start, end), pos: -1 } : { bytes, pos: start };
      values.push(value);
    } else if (wireType === LEN && field.repeated) unpack(field, bytes, start, values);
    else if (values.length === 0) found.delete(field);
    if (field.oneof === undefined) continue;
    const before = oneofs.get(field.oneof);
    if (before !== undefined && before !== field) found.delete(before);
    oneofs.set(field.oneof, field);
  }
  return found;
}

function groupBody(bytes: Buffer, start: number, end: number): Buffer {
  let tagStart = end - 1;
  while (tagStart > start && bytes[tagStart - 1]! >= 128) tagStart--;
  return bytes.subarray(start, tagStart);
}

function unpack(field: FieldShape, bytes: Buffer, at: number, values: Found[]): void {
  const length = lengthWithin(bytes, at, bytes.length);
  let pos = varintEnd(bytes, at, bytes.length);
  const end = pos + length;
  while (pos < end) {
    values.push({ bytes, pos });
    pos = skipValue(bytes, pos, end, wireTypeOf(field.type));
    if (pos < 0) return;
  }
}

function fieldJson(types: JsonTypes, field: FieldShape, values: readonly Found[], depth: number): Json {
  if (field.isMap) return mapJson(types, field, values, depth);
  if (field.repeated) return values.map((value) => valueJson(types, field, [value], depth));
  return valueJson(types, field, values, depth);
}

/** Of a scalar the last one wins; a message is all of its pieces. */
function valueJson(types: JsonTypes, field: FieldShape, values: readonly Found[], depth: number): Json {
  if (field.message !== undefined) return readMessage(types, field.message, values.map(body), depth + 1);
  const { bytes, pos } = values[values.length - 1]!;
  return scalarJson(types, field, bytes, pos);
}

function body({ bytes, pos }: Found): Buffer {
  return pos < 0 ? bytes : (readScalar('message', bytes, pos) as Buffer);
}

export function scalarJson(types: JsonTypes, field: FieldShape, bytes: Buffer, pos: number): Json {
  const value = readScalar(field.type, bytes, pos);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (field.type === 'enum')
    return types.enum(field.typeName!)?.names.get(value as number) ?? (value as number);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  // The shortest decimal that is this float, as protobuf prints it; as a double it has a tail of noise.
  if (field.type === 'float') return shortFloat(value as number);
  return value as Json;
}

function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

export function defaultJson(type: FieldType): Json {
  if (type === 'bool') return false;
  if (type === 'string' || type === 'bytes') return '';
  return type.endsWith('64') ? '0' : 0;
}

function mapJson(types: JsonTypes, field: FieldShape, values: readonly Found[], depth: number): Json {
  const [keyField, valueField] = field.message!.fields;
  const result: { [key: string]: Json } = {};
  for (const value of values) {
    const entry = readFields(field.message!, body(value));
    const keys = entry.get(keyField!);
    const key = keys === undefined ? defaultJson(keyField!.type) : valueJson(types, keyField!, keys, depth);
    const found = entry.get(valueField!);
    result[String(key)] =
      found === undefined ? absent(types, valueField!, depth) : valueJson(types, valueField!, found, depth);
  }
  return result;
}

/** An entry without a value has its type's default. */
function absent(types: JsonTypes, field: FieldShape, depth: number): Json {
  if (field.message !== undefined) return readMessage(types, field.message, [Buffer.alloc(0)], depth + 1);
  if (field.type === 'enum') return types.enum(field.typeName!)?.names.get(0) ?? 0;
  return defaultJson(field.type);
}

function malformed(shape: MessageShape, what: string): RegatherError {
  return new RegatherError('PARTIAL_MALFORMED', `Expected a ${shape.name}, got ${what}`, {
    field: shape.name,
  });
}
