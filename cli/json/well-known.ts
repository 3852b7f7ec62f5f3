/** protobuf's messages with a JSON form of their own: times, durations, wrappers, field masks, Struct and its values. */
import type { MessageShape } from '../../shared/schema/plan.ts';
import { LEN, skipValue, tagEnd, VARINT, varintLow } from '../../shared/wire/reader.ts';
import { readScalar } from '../../shared/wire/scalar.ts';
import type { Writer } from '../../shared/wire/writer.ts';
import { defaultJson, type Json, scalarJson } from './decode.ts';
import { expected, isObject, scalar, writeMessage, writeText } from './encode.ts';
import type { JsonTypes } from './types.ts';

const wrappers = /^google\.protobuf\.(Double|Float|U?Int(32|64)|Bool|String|Bytes)Value$/;
const others = new Set(
  ['Timestamp', 'Duration', 'FieldMask', 'Struct', 'Value', 'ListValue'].map(
    (name) => `google.protobuf.${name}`,
  ),
);

export function isWellKnown(name: string): boolean {
  return name.startsWith('google.protobuf.') && (others.has(name) || wrappers.test(name));
}

export function encodeWellKnown(
  types: JsonTypes,
  out: Writer,
  shape: MessageShape,
  value: unknown,
  place: string,
): void {
  switch (shape.name) {
    case 'google.protobuf.Timestamp':
      writeSecondsNanos(out, parseTimestamp(value, place));
      return;
    case 'google.protobuf.Duration':
      writeSecondsNanos(out, parseDuration(value, place));
      return;
    case 'google.protobuf.FieldMask':
      if (typeof value !== 'string') throw expected(place, 'field paths with commas between', value);
      for (const path of value.split(',')) {
        writeText(
          out,
          1,
          path.trim().replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        );
      }
      return;
    case 'google.protobuf.Struct':
      writeStruct(out, value, place);
      return;
    case 'google.protobuf.ListValue':
      writeList(out, value, place);
      return;
    case 'google.protobuf.Value':
      writeValue(out, value, place);
      return;
    default: {
      // A wrapper is its one field.
      const field = shape.fields[0]!;
      const inner: MessageShape = { name: `${shape.name}.inner`, fields: shape.fields };
      scalar(types, field, value, place);
      writeMessage(types, out, inner, { [field.name]: value }, place);
    }
  }
}

export function decodeWellKnown(types: JsonTypes, shape: MessageShape, bytes: Buffer): Json {
  switch (shape.name) {
    case 'google.protobuf.Timestamp': {
      const { seconds, nanos } = readSecondsNanos(bytes);
      const date = new Date(Number(seconds) * 1000);
      if (Number.isNaN(date.getTime())) return `${seconds}s since 1970`;
      return `${date.toISOString().slice(0, 19)}${fraction(nanos)}Z`;
    }
    case 'google.protobuf.Duration': {
      const { seconds, nanos } = readSecondsNanos(bytes);
      const negative = seconds < 0n || nanos < 0;
      return `${negative ? '-' : ''}${seconds < 0n ? -seconds : seconds}${fraction(Math.abs(nanos))}s`;
    }
    case 'google.protobuf.FieldMask':
      return fields(bytes)
        .map(({ pos }) =>
          String(readScalar('string', bytes, pos)).replace(/_([a-z])/g, (_all, letter: string) =>
            letter.toUpperCase(),
          ),
        )
        .join(',');
    case 'google.protobuf.Struct':
      return structJson(bytes);
    case 'google.protobuf.ListValue':
      return fields(bytes).map(({ pos }) => anyJson(readScalar('message', bytes, pos) as Buffer));
    case 'google.protobuf.Value':
      return anyJson(bytes);
    default: {
      const field = shape.fields[0]!;
      const last = fields(bytes).at(-1);
      if (last !== undefined) return scalarJson(types, field, bytes, last.pos);
      return defaultJson(field.type);
    }
  }
}

interface SecondsNanos {
  readonly seconds: bigint;
  readonly nanos: number;
}

function writeSecondsNanos(out: Writer, { seconds, nanos }: SecondsNanos): void {
  if (seconds !== 0n) {
    out.tag(1, VARINT);
    out.integer(seconds);
  }
  if (nanos !== 0) {
    out.tag(2, VARINT);
    out.integer(nanos);
  }
}

function readSecondsNanos(bytes: Buffer): SecondsNanos {
  let seconds = 0n;
  let nanos = 0;
  for (const { number, pos } of fields(bytes)) {
    if (number === 1) seconds = readScalar('int64', bytes, pos) as bigint;
    else if (number === 2) nanos = readScalar('int32', bytes, pos) as number;
  }
  return { seconds, nanos };
}

const timestamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function parseTimestamp(value: unknown, place: string): SecondsNanos {
  const match = typeof value === 'string' ? timestamp.exec(value) : null;
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(ms))
    throw expected(place, 'a time such as "2001-01-31T23:59:00Z"', value);
  return { seconds: BigInt(ms / 1000), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

function parseDuration(value: unknown, place: string): SecondsNanos {
  const match = typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (match === null) throw expected(place, 'a duration such as "1.5s"', value);
  const sign = match[1] === '-' ? -1 : 1;
  return { seconds: BigInt(match[2]!) * BigInt(sign), nanos: sign * Number((match[3] ?? '').padEnd(9, '0')) };
}

/** Three, six or nine digits, as protobuf writes them. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}

function writeStruct(out: Writer, value: unknown, place: string): void {
  if (!isObject(value)) throw expected(place, 'an object', value);
  for (const [key, one] of Object.entries(value)) {
    const entry = out.open(1);
    writeText(out, 1, key);
    const inner = out.open(2);
    writeValue(out, one, `${place}.${key}`);
    out.close(inner);
    out.close(entry);
  }
}

function writeList(out: Writer, value: unknown, place: string): void {
  if (!Array.isArray(value)) throw expected(place, 'a list', value);
  for (const [i, one] of value.entries()) {
    const inner = out.open(1);
    writeValue(out, one, `${place}[${i}]`);
    out.close(inner);
  }
}

function writeValue(out: Writer, value: unknown, place: string): void {
  if (value === null) {
    out.tag(1, VARINT);
    out.varint(0);
  } else if (typeof value === 'number') {
    out.tag(2, 1);
    out.double(value);
  } else if (typeof value === 'string') {
    out.tag(3, LEN);
    out.string(value);
  } else if (typeof value === 'boolean') {
    out.tag(4, VARINT);
    out.varint(value ? 1 : 0);
  } else {
    const inner = out.open(Array.isArray(value) ? 6 : 5);
    if (Array.isArray(value)) writeList(out, value, place);
    else writeStruct(out, value, place);
    out.close(inner);
  }
}

function structJson(bytes: Buffer): Json {
  const result: { [key: string]: Json } = {};
  for (const { pos } of fields(bytes)) {
    const entry = readScalar('message', bytes, pos) as Buffer;
    let key = '';
    let value: Json = null;
    for (const field of fields(entry)) {
      if (field.number === 1) key = readScalar('string', entry, field.pos) as string;
      else if (field.number === 2) value = anyJson(readScalar('message', entry, field.pos) as Buffer);
    }
    result[key] = value;
  }
  return result;
}

function anyJson(bytes: Buffer): Json {
  const last = fields(bytes).at(-1);
  if (last === undefined) return null;
  const inner = (): Buffer => readScalar('message', bytes, last.pos) as Buffer;
  switch (last.number) {
    case 2: {
      const number = readScalar('double', bytes, last.pos) as number;
      return Number.isFinite(number) ? number : String(number);
    }
    case 3:
      return readScalar('string', bytes, last.pos) as string;
    case 4:
      return readScalar('bool', bytes, last.pos) as boolean;
    case 5:
      return structJson(inner());
    case 6: {
      const list = inner();
      return fields(list).map(({ pos }) => anyJson(readScalar('message', list, pos) as Buffer));
    }
    default:
      return null;
  }
}

/** Number and value position of each field. The bytes were found whole by whoever cut them out. */
function fields(bytes: Buffer): { number: number; pos: number }[] {
  const found: { number: number; pos: number }[] = [];
  let pos = 0;
  while (pos < bytes.length) {
    const start = tagEnd(bytes, pos, bytes.length);
    if (start < 0) return found;
    const tag = varintLow(bytes, pos);
    const end = skipValue(bytes, start, bytes.length, tag);
    if (end < 0) return found;
    found.push({ number: tag >>> 3, pos: start });
    pos = end;
  }
  return found;
}
