import { concat, delimited, tag, varint } from '../descriptor/codec.ts';
import type { TypeName } from '../descriptor/messages.ts';
import { floatValue, integerBounds } from './default-value.ts';
import type { Value } from './syntax.ts';

/** The wire type that a field of this type is written with, unpacked. */
export function wireType(type: TypeName): number {
  if (type === 'double' || type === 'fixed64' || type === 'sfixed64') return 1;
  if (type === 'float' || type === 'fixed32' || type === 'sfixed32') return 5;
  if (type === 'group') return 3;
  return type === 'string' || type === 'bytes' || type === 'message' ? 2 : 0;
}

/** A scalar's bytes without its tag, and whether it is the type's zero. */
export interface Scalar {
  readonly bytes: Uint8Array;
  readonly zero: boolean;
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  True: true,
  t: true,
  false: false,
  False: false,
  f: false,
};

/** `text`: within an aggregate, where a bool may be 0, 1, t or f. Returns what was expected if the value doesn't fit. */
export function scalarBytes(type: TypeName, value: Value, text: boolean): Scalar | string {
  const range = integerBounds(type);
  if (range !== undefined) return integerBytes(type, value, range);
  if (type === 'double' || type === 'float') {
    const number = floatValue(value);
    if (number === undefined) return 'a number';
    const view = new DataView(new ArrayBuffer(type === 'double' ? 8 : 4));
    if (type === 'double') view.setFloat64(0, number, true);
    else view.setFloat32(0, number, true);
    return { bytes: new Uint8Array(view.buffer), zero: Object.is(number, 0) };
  }
  if (type === 'bool') {
    let truth: boolean | undefined;
    if (value.kind === 'identifier' && !value.negative) {
      truth = text || value.text === 'true' || value.text === 'false' ? truths[value.text] : undefined;
    } else if (text && value.kind === 'integer' && (value.value === 0n || value.value === 1n))
      truth = value.value === 1n;
    return truth === undefined ? 'true or false' : { bytes: Uint8Array.of(truth ? 1 : 0), zero: !truth };
  }
  if (value.kind !== 'string') return 'a string in quotes';
  const bytes = Buffer.from(value.text, 'latin1');
  if (type === 'string' && !Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes))
    return 'a string of valid UTF-8';
  return { bytes: concat([varint(BigInt(bytes.length)), bytes]), zero: bytes.length === 0 };
}

function integerBytes(type: TypeName, value: Value, [min, max]: readonly [bigint, bigint]): Scalar | string {
  const integer =
    value.kind === 'integer'
      ? value.value
      : value.kind === 'float' && Object.is(value.value, -0)
        ? 0n
        : undefined;
  if (integer === undefined || integer < min || integer > max) return `an integer from ${min} to ${max}`;
  const wire = wireType(type);
  if (wire === 0) {
    const zigzag = type.startsWith('s') ? (integer << 1n) ^ (integer >> 63n) : integer;
    return { bytes: varint(zigzag), zero: integer === 0n };
  }
  const size = wire === 1 ? 8 : 4;
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, integer);
  for (let i = 0; i < size; i++) {
    bytes[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return { bytes, zero: integer === 0n };
}

/** A message's bytes as field `number`: length-delimited, or between group tags. */
export function messageRecord(number: number, type: TypeName, bytes: Uint8Array): Uint8Array {
  return type === 'group' ? concat([tag(number, 3), bytes, tag(number, 4)]) : delimited(number, bytes);
}

/** How a value looks to people. */
export function valueText(value: Value): string {
  switch (value.kind) {
    case 'identifier':
      return `${value.negative ? '-' : ''}${value.text}`;
    case 'string':
      return JSON.stringify(Buffer.from(value.text, 'latin1').toString('utf8'));
    case 'message':
      return 'a message in braces';
    case 'list':
      return 'a list';
    default:
      return Object.is(value.value, -0) ? '-0' : String(value.value);
  }
}
