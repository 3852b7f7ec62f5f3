/** Single values on the wire: copying them in canonical form, and reading integers exactly. */
import type { FieldCode } from '../merge/code.ts';
import type { FieldType } from '../schema/plan.ts';
import {
  END_GROUP,
  FIXED32,
  FIXED64,
  LEN,
  START_GROUP,
  toBigInt,
  toNumber,
  varintEnd,
  varintLow,
} from '../wire/reader.ts';
import { high, loadInteger, low, wireTypeOf, writeInteger } from '../wire/scalar.ts';
import type { Writer } from '../wire/writer.ts';

/** Halves of this size or more need a BigInt. */
const SAFE_HIGH = 0x200000;

/** The integer, bool or enum at `pos`: a number where that is exact, otherwise a BigInt. */
export function integerAt(type: FieldType, bytes: Buffer, pos: number): number | bigint {
  loadInteger(type, bytes, pos);
  return high < SAFE_HIGH && high >= -SAFE_HIGH ? toNumber(high, low) : toBigInt(high, low);
}

/** Writes the value at `pos`, without a tag, as short as can be. */
export function copyValue(out: Writer, type: FieldType, bytes: Buffer, pos: number): void {
  switch (wireTypeOf(type)) {
    case FIXED64:
      out.copy(bytes, pos, pos + 8);
      return;
    case FIXED32:
      out.copy(bytes, pos, pos + 4);
      return;
    case LEN: {
      const length = varintLow(bytes, pos);
      const start = varintEnd(bytes, pos, bytes.length);
      out.varint(length);
      out.copy(bytes, start, start + length);
      return;
    }
    default:
      loadInteger(type, bytes, pos);
      writeInteger(out, type, high, low);
  }
}

/** Whether a field without presence would leave the value at `pos` out. -0 is not the default, as its bits aren't. */
export function isDefault(type: FieldType, bytes: Buffer, pos: number): boolean {
  switch (wireTypeOf(type)) {
    case FIXED64:
      for (let i = pos; i < pos + 8; i++) if (bytes[i] !== 0) return false;
      return true;
    case FIXED32:
      return bytes[pos] === 0 && bytes[pos + 1] === 0 && bytes[pos + 2] === 0 && bytes[pos + 3] === 0;
    case LEN:
      return varintLow(bytes, pos) === 0;
    default:
      loadInteger(type, bytes, pos);
      return high === 0 && low === 0;
  }
}

/** Writes a whole item: a message, group, string or bytes whose body is `bytes[start, end)`. */
export function writeItem(out: Writer, field: FieldCode, bytes: Buffer, start: number, end: number): void {
  out.varint(field.tag);
  if (field.wireType === START_GROUP) {
    out.copy(bytes, start, end);
    out.tag(field.field.number, END_GROUP);
    return;
  }
  out.varint(end - start);
  out.copy(bytes, start, end);
}
