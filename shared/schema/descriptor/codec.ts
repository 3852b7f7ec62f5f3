/**
 * Protobuf's wire format for the few messages that the schema itself is written in: descriptor.proto's and the annotations.
 * A table says which fields a message has; a field that no table names is skipped when read, so options stay bytes.
 * Not for requests and partials: those have their own hot path in shared/wire.
 */

type ScalarKind = 'string' | 'int32' | 'uint32' | 'bool' | 'double' | 'bytes';

export interface Column {
  readonly number: number;
  readonly kind: ScalarKind | (() => Table<object>);
  readonly repeated: boolean;
}

/** `fresh` makes the message without any field set: what required properties and lists start as. */
export interface Table<T extends object> {
  readonly fresh: () => T;
  readonly columns: Readonly<Record<string, Column>>;
}

export class WireError extends Error {}

export const one = (number: number, kind: Column['kind']): Column => ({ number, kind, repeated: false });
export const many = (number: number, kind: Column['kind']): Column => ({ number, kind, repeated: true });

/** One field as it stands in a message's bytes. */
export interface WireRecord {
  readonly number: number;
  readonly wireType: number;
  /** Wire types 0, 1 and 5. */
  readonly value: bigint;
  /** Wire type 2: the content. Group: the content without its end tag. */
  readonly bytes: Uint8Array;
  /** Where the whole field, its tag included, begins and ends. */
  readonly start: number;
  readonly end: number;
}

const nothing: Uint8Array = new Uint8Array(0);

class Cursor {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new WireError(`truncated at byte ${this.bytes.length}`);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError(`a varint longer than 10 bytes at byte ${this.at}`);
  }

  fixed(size: 4 | 8): bigint {
    if (this.at + size > this.bytes.length) throw new WireError(`truncated at byte ${this.bytes.length}`);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[this.at + i]!);
    this.at += size;
    return value;
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new WireError(`truncated at byte ${this.bytes.length}`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  record(): WireRecord {
    const start = this.at;
    const tag = Number(this.varint());
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number < 1 || number > 536870911) throw new WireError(`field number ${number} at byte ${start}`);
    let value = 0n;
    let bytes: Uint8Array = nothing;
    if (wireType === 0) value = this.varint();
    else if (wireType === 1) value = this.fixed(8);
    else if (wireType === 5) value = this.fixed(4);
    else if (wireType === 2) bytes = this.take(Number(this.varint()));
    else if (wireType === 3) {
      const from = this.at;
      for (;;) {
        const before = this.at;
        const inner = this.record();
        if (inner.wireType !== 4) continue;
        if (inner.number !== number)
          throw new WireError(`an end-group tag without its group at byte ${before}`);
        bytes = this.bytes.subarray(from, before);
        break;
      }
    } else if (wireType !== 4) throw new WireError(`wire type ${wireType} at byte ${start}`);
    return { number, wireType, value, bytes, start, end: this.at };
  }
}

/** Every field of a message's bytes, in order. Throws WireError. */
export function records(bytes: Uint8Array): WireRecord[] {
  const cursor = new Cursor(bytes);
  const all: WireRecord[] = [];
  while (cursor.at < bytes.length) {
    const record = cursor.record();
    if (record.wireType === 4)
      throw new WireError(`an end-group tag without its group at byte ${record.start}`);
    all.push(record);
  }
  return all;
}

const text = new TextDecoder('utf-8', { fatal: true });

function scalar(kind: ScalarKind, record: WireRecord): unknown {
  if (kind === 'string' || kind === 'bytes') {
    if (record.wireType !== 2) throw new WireError(`field ${record.number} isn't length-delimited`);
    if (kind === 'bytes') return record.bytes;
    try {
      return text.decode(record.bytes);
    } catch {
      throw new WireError(`field ${record.number} isn't UTF-8`);
    }
  }
  if (kind === 'double') {
    if (record.wireType !== 1) throw new WireError(`field ${record.number} isn't a double`);
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, record.value);
    return view.getFloat64(0);
  }
  if (record.wireType !== 0) throw new WireError(`field ${record.number} isn't a varint`);
  if (kind === 'bool') return record.value !== 0n;
  return Number(kind === 'int32' ? BigInt.asIntN(32, record.value) : BigInt.asUintN(32, record.value));
}

/** Reads a message; submessages that come twice merge, as protobuf says. Throws WireError. */
export function decode<T extends object>(table: Table<T>, bytes: Uint8Array, into: T = table.fresh()): T {
  const target = into as Record<string, unknown>;
  const byNumber = new Map<number, string>();
  for (const [name, column] of Object.entries(table.columns)) byNumber.set(column.number, name);
  for (const record of records(bytes)) {
    const name = byNumber.get(record.number);
    if (name === undefined) continue;
    const { kind, repeated } = table.columns[name]!;
    if (typeof kind === 'function') {
      if (record.wireType !== 2) throw new WireError(`field ${record.number} isn't a message`);
      if (repeated) (target[name] as object[]).push(decode(kind(), record.bytes));
      else target[name] = decode(kind(), record.bytes, (target[name] ?? kind().fresh()) as object);
    } else if (!repeated) {
      // Options are read as bytes: two pieces of one message, one after the other, are the message.
      const value = scalar(kind, record);
      const before = target[name];
      target[name] =
        kind === 'bytes' && before instanceof Uint8Array ? concat([before, value as Uint8Array]) : value;
    } else if (record.wireType === 2 && kind !== 'string' && kind !== 'bytes') {
      const packed = new Cursor(record.bytes);
      while (packed.at < record.bytes.length) {
        const value = kind === 'double' ? packed.fixed(8) : packed.varint();
        const wireType = kind === 'double' ? 1 : 0;
        (target[name] as unknown[]).push(scalar(kind, { ...record, wireType, value }));
      }
    } else (target[name] as unknown[]).push(scalar(kind, record));
  }
  return into;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export const tag = (number: number, wireType: number): Uint8Array => varint(BigInt(number * 8 + wireType));

export const delimited = (number: number, bytes: Uint8Array): Uint8Array =>
  concat([tag(number, 2), varint(BigInt(bytes.length)), bytes]);

function double(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return new Uint8Array(view.buffer);
}

function field(column: Column, value: unknown): Uint8Array {
  const { number, kind } = column;
  if (typeof kind === 'function') return delimited(number, encode(kind(), value as object));
  if (kind === 'string') return delimited(number, new TextEncoder().encode(value as string));
  if (kind === 'bytes') return delimited(number, value as Uint8Array);
  if (kind === 'double') return concat([tag(number, 1), double(value as number)]);
  return concat([tag(number, 0), varint(BigInt(value as number | boolean))]);
}

/** Writes what is set, by ascending number, as protoc does. */
export function encode<T extends object>(table: Table<T>, message: T): Uint8Array {
  const parts: Uint8Array[] = [];
  const columns = Object.entries(table.columns).sort(([, a], [, b]) => a.number - b.number);
  for (const [name, column] of columns) {
    const value = (message as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (column.repeated) for (const item of value as unknown[]) parts.push(field(column, item));
    else parts.push(field(column, value));
  }
  return concat(parts);
}
