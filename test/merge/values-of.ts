/** All values of one field of a message, in wire order, packed or not. */
import type { FieldShape } from '../../shared/schema/plan.ts';
import { LEN, skipValue, tagEnd, varintEnd, varintLow } from '../../shared/wire/reader.ts';
import { readScalar, type ScalarValue, wireTypeOf } from '../../shared/wire/scalar.ts';

export function valuesOf(bytes: Uint8Array, field: FieldShape): ScalarValue[] {
  const values: ScalarValue[] = [];
  const wireType = wireTypeOf(field.type);
  for (let pos = 0; pos < bytes.length; ) {
    const valueAt = tagEnd(bytes, pos, bytes.length);
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, valueAt, bytes.length, tag);
    if (valueAt < 0 || next < 0) throw new RangeError(`malformed at byte ${pos}`);
    pos = next;
    if (tag >>> 3 !== field.number) continue;
    if ((tag & 7) === wireType) values.push(readScalar(field.type, bytes, valueAt));
    else if ((tag & 7) === LEN) {
      for (let at = varintEnd(bytes, valueAt, next); at < next; at = skipValue(bytes, at, next, wireType)) {
        values.push(readScalar(field.type, bytes, at));
      }
    }
  }
  return values;
}
