/** Single values: which wire type a field's type has, and decoding and encoding one value by its type. */
import type { FieldType } from '../schema/plan.ts';
import {
  doubleAt,
  FIXED32,
  FIXED64,
  floatAt,
  int32At,
  LEN,
  START_GROUP,
  toBigInt,
  toNumber,
  VARINT,
  varintEnd,
  varintHigh,
  varintLow,
} from './reader.ts';
import type { Writer } from './writer.ts';

/** A decoded value: 64-bit integers are BigInts, a message is its bytes. */
export type ScalarValue = number | bigint | string | boolean | Uint8Array;

export function wireTypeOf(type: FieldType): number {
  switch (type) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return FIXED64;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return FIXED32;
    case 'string':
    case 'bytes':
    case 'message':
      return LEN;
    case 'group':
      return START_GROUP;
    default:
      return VARINT;
  }
}

/** The halves of the integer that `loadInteger` read: `high` is signed for signed types, `low` unsigned. */
export let high = 0;
export let low = 0;

/** Reads the integer, bool or enum at `pos` into `high` and `low`, as protobuf does: truncated to its type's width. */
export function loadInteger(type: FieldType, bytes: Uint8Array, pos: number): void {
  switch (type) {
    case 'bool':
      low = varintLow(bytes, pos) !== 0 || varintHigh(bytes, pos) !== 0 ? 1 : 0;
      high = 0;
      return;
    case 'uint32':
      low = varintLow(bytes, pos);
      high = 0;
      return;
    case 'int32':
    case 'enum':
      low = varintLow(bytes, pos);
      high = low > 0x7fffffff ? -1 : 0;
      return;
    case 'sint32': {
      const bits = varintLow(bytes, pos);
      const value = (bits >>> 1) ^ -(bits & 1);
      low = value >>> 0;
      high = value < 0 ? -1 : 0;
      return;
    }
    case 'uint64':
      low = varintLow(bytes, pos);
      high = varintHigh(bytes, pos);
      return;
    case 'int64':
      low = varintLow(bytes, pos);
      high = varintHigh(bytes, pos) | 0;
      return;
    case 'sint64': {
      const bits = varintLow(bytes, pos);
      const above = varintHigh(bytes, pos);
      const sign = -(bits & 1);
      low = (((bits >>> 1) | (above << 31)) ^ sign) >>> 0;
      high = (above >>> 1) ^ sign;
      return;
    }
    case 'fixed32':
      low = int32At(bytes, pos) >>> 0;
      high = 0;
      return;
    case 'sfixed32': {
      const value = int32At(bytes, pos);
      low = value >>> 0;
      high = value < 0 ? -1 : 0;
      return;
    }
    case 'fixed64':
      low = int32At(bytes, pos) >>> 0;
      high = int32At(bytes, pos + 4) >>> 0;
      return;
    case 'sfixed64':
      low = int32At(bytes, pos) >>> 0;
      high = int32At(bytes, pos + 4);
      return;
    default:
      low = 0;
      high = 0;
  }
}

export function is64Bit(type: FieldType): boolean {
  return type.endsWith('64');
}

/** The value at `pos`; strings, bytes and messages begin with their length. Bytes are a view, not a copy. */
export function readScalar(type: FieldType, bytes: Uint8Array, pos: number): ScalarValue {
  switch (type) {
    case 'double':
      return doubleAt(bytes, pos);
    case 'float':
      return floatAt(bytes, pos);
    case 'string':
    case 'bytes':
    case 'message': {
      const start = varintEnd(bytes, pos, bytes.length);
      const content = bytes.subarray(start, start + varintLow(bytes, pos));
      return type === 'string'
        ? Buffer.from(content.buffer, content.byteOffset, content.length).toString()
        : content;
    }
    case 'bool':
      loadInteger(type, bytes, pos);
      return low === 1;
    default:
      loadInteger(type, bytes, pos);
      return is64Bit(type) ? toBigInt(high, low) : toNumber(high, low);
  }
}

/** Writes a value without its tag: `value` as `readScalar` gives it (any integer may be a safe number, too). */
export function writeScalar(out: Writer, type: FieldType, value: ScalarValue): void {
  switch (type) {
    case 'double':
      out.double(Number(value));
      return;
    case 'float':
      out.float(Number(value));
      return;
    case 'string':
      if (typeof value === 'string') out.string(value);
      else out.bytes(value as Uint8Array);
      return;
    case 'bytes':
    case 'message':
      out.bytes(typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array));
      return;
    case 'bool':
      out.byte(value ? 1 : 0);
      return;
    default:
      if (typeof value === 'bigint') {
        const bits = BigInt.asUintN(64, value);
        writeInteger(out, type, Number(bits >> 32n), Number(bits & 0xffffffffn));
      } else {
        const number = value as number;
        writeInteger(out, type, Math.floor(number / 4294967296) >>> 0, number >>> 0);
      }
  }
}

/** Writes an integer, bool or enum from its halves (two's complement of the value), without its tag. */
export function writeInteger(out: Writer, type: FieldType, high: number, low: number): void {
  switch (type) {
    case 'fixed32':
    case 'sfixed32':
      out.fixed32(low);
      return;
    case 'fixed64':
    case 'sfixed64':
      out.fixed64(high, low);
      return;
    case 'sint32':
      out.varint(((low << 1) ^ (low >> 31)) >>> 0);
      return;
    case 'sint64': {
      const sign = high >> 31;
      out.varint64((((high << 1) | (low >>> 31)) ^ sign) >>> 0, ((low << 1) ^ sign) >>> 0);
      return;
    }
    case 'uint32':
    case 'bool':
      out.varint(low >>> 0);
      return;
    default:
      out.varint64(high >>> 0, low >>> 0);
  }
}
