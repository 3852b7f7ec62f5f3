/** proto3 JSON to wire bytes, strict: an unknown field or a value of the wrong type is an error that names its place. */
import { RegatherError } from '../../shared/errors/errors.ts';
import type { FieldShape, FieldType, MessageShape } from '../../shared/schema/plan.ts';
import { didYouMean } from '../../shared/schema/suggest.ts';
import { END_GROUP, LEN, START_GROUP } from '../../shared/wire/reader.ts';
import { type ScalarValue, wireTypeOf, writeScalar } from '../../shared/wire/scalar.ts';
import { Writer } from '../../shared/wire/writer.ts';
import { type JsonTypes, jsonName } from './types.ts';
import { encodeWellKnown, isWellKnown } from './well-known.ts';

/** Throws RegatherError USAGE: `TopKRequest.limit: expected uint32, got "ten"`. */
export function encodeJson(types: JsonTypes, shape: MessageShape, value: unknown): Buffer {
  const out = new Writer();
  writeMessage(types, out, shape, value, shortName(shape.name));
  return out.finish();
}

function shortName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

export function expected(place: string, what: string, value: unknown): RegatherError {
  const text = JSON.stringify(value) ?? String(value);
  const got = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return new RegatherError('USAGE', `${place}: expected ${what}, got ${got}`, { field: place });
}

export function writeMessage(
  types: JsonTypes,
  out: Writer,
  shape: MessageShape,
  value: unknown,
  place: string,
): void {
  if (isWellKnown(shape.name)) {
    encodeWellKnown(types, out, shape, value, place);
    return;
  }
  if (!isObject(value)) throw expected(place, `a ${shortName(shape.name)} object`, value);
  const seen = new Map<FieldShape, string>();
  const oneofs = new Map<string, string>();
  for (const [key, one] of Object.entries(value)) {
    const field = shape.fields.find(({ name }) => name === key || jsonName(name) === key);
    if (field === undefined) {
      const names = shape.fields.map(({ name }) => jsonName(name));
      const known = didYouMean(key, names) || ` It has ${names.join(', ') || 'none'}.`;
      throw new RegatherError('USAGE', `${place}: no field "${key}".${known}`, { field: place });
    }
    const earlier = seen.get(field);
    if (earlier !== undefined) {
      throw new RegatherError('USAGE', `${place}: "${earlier}" and "${key}" are the same field`, {
        field: place,
      });
    }
    seen.set(field, key);
    if (one === null && field.typeName !== 'google.protobuf.Value') continue;
    if (field.oneof !== undefined) {
      const other = oneofs.get(field.oneof);
      if (other !== undefined) {
        const message = `${place}: expected one of oneof "${field.oneof}", got "${other}" and "${key}"`;
        throw new RegatherError('USAGE', message, { field: place });
      }
      oneofs.set(field.oneof, key);
    }
    writeField(types, out, field, one, `${place}.${field.name}`);
  }
}

function writeField(types: JsonTypes, out: Writer, field: FieldShape, value: unknown, place: string): void {
  if (field.isMap) {
    writeMap(types, out, field, value, place);
    return;
  }
  if (!field.repeated) {
    writeOne(types, out, field, value, place);
    return;
  }
  if (!Array.isArray(value)) throw expected(place, 'a list', value);
  if (!field.packed) {
    for (const [i, item] of value.entries()) writeOne(types, out, field, item, `${place}[${i}]`);
    return;
  }
  if (value.length === 0) return;
  const start = out.open(field.number);
  for (const [i, item] of value.entries()) {
    writeScalar(out, field.type, scalar(types, field, item, `${place}[${i}]`));
  }
  out.close(start);
}

function writeMap(types: JsonTypes, out: Writer, field: FieldShape, value: unknown, place: string): void {
  if (!isObject(value)) throw expected(place, 'an object (a map)', value);
  const [keyField, valueField] = field.message!.fields;
  for (const [key, one] of Object.entries(value)) {
    const start = out.open(field.number);
    const keyValue = keyField!.type === 'bool' ? key === 'true' || (key === 'false' ? false : key) : key;
    writeOne(types, out, keyField!, keyValue, `${place}[${JSON.stringify(key)}] (key)`);
    writeOne(types, out, valueField!, one, `${place}[${JSON.stringify(key)}]`);
    out.close(start);
  }
}

function writeOne(types: JsonTypes, out: Writer, field: FieldShape, value: unknown, place: string): void {
  if (field.type === 'message') {
    const start = out.open(field.number);
    writeMessage(types, out, field.message!, value, place);
    out.close(start);
    return;
  }
  if (field.type === 'group') {
    out.tag(field.number, START_GROUP);
    writeMessage(types, out, field.message!, value, place);
    out.tag(field.number, END_GROUP);
    return;
  }
  const one = scalar(types, field, value, place);
  // As protobuf's own encoders: without presence, the default isn't written.
  if (!field.repeated && field.presence === 'implicit' && isDefault(one)) return;
  out.tag(field.number, wireTypeOf(field.type));
  writeScalar(out, field.type, one);
}

function isDefault(value: ScalarValue): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 ? !Object.is(value, -0) : value === 0n || value === '' || value === false;
}

const ranges: Partial<Record<FieldType, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

export function scalar(types: JsonTypes, field: FieldShape, value: unknown, place: string): ScalarValue {
  switch (field.type) {
    case 'bool':
      if (typeof value === 'boolean') return value;
      throw expected(place, 'true or false', value);
    case 'string':
      if (typeof value === 'string') return value;
      throw expected(place, 'a string', value);
    case 'bytes':
      if (typeof value === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) {
        return Buffer.from(value.replaceAll('-', '+').replaceAll('_', '/'), 'base64');
      }
      throw expected(place, 'bytes as base64', value);
    case 'float':
    case 'double':
      return floating(field.type, value, place);
    case 'enum':
      return enumNumber(types, field, value, place);
    default: {
      const [least, most] = ranges[field.type]!;
      const integer = toInteger(value);
      if (integer !== undefined && integer >= least && integer <= most) return integer;
      throw expected(place, `${field.type} (${least}..${most})`, value);
    }
  }
}

/** proto3 JSON takes numbers and strings for every number, and 1e3 and 5.0 as integers. */
function toInteger(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^-?\d{1,20}$/.test(value)) return BigInt(value);
  const number = value.trim() === value && value !== '' ? Number(value) : Number.NaN;
  return Number.isSafeInteger(number) ? BigInt(number) : undefined;
}

function floating(type: 'float' | 'double', value: unknown, place: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  const number =
    typeof value === 'string' && value.trim() === value && value !== '' ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw expected(place, `a number (${type})`, value);
}

function enumNumber(types: JsonTypes, field: FieldShape, value: unknown, place: string): number {
  const type = types.enum(field.typeName!);
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
  const number = typeof value === 'string' ? type?.numbers.get(value) : undefined;
  if (number !== undefined) return number;
  const names = [...(type?.numbers.keys() ?? [])];
  const hint = typeof value === 'string' ? didYouMean(value, names) : '';
  const list = names.length > 12 ? `${names.slice(0, 12).join(', ')}, …` : names.join(', ');
  const error = expected(place, `one of ${list}`, value);
  throw hint === '' ? error : new RegatherError('USAGE', `${error.message}.${hint}`, { field: place });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A length-delimited field with text in it. */
export function writeText(out: Writer, number: number, text: string): void {
  if (text === '') return;
  out.tag(number, LEN);
  out.string(text);
}
