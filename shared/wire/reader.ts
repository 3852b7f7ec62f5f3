/**
 * protobuf's wire format, read in place: every function takes the bytes and a position and allocates nothing. The ones
 * that move on return the position after what they read, or -1 where the bytes are truncated or malformed; the ones that
 * return a value take a position that was found valid before.
 *
 * 64-bit integers come as two 32-bit halves, as a number where that is exact, and as a BigInt only where it isn't.
 */

export const VARINT = 0;
export const FIXED64 = 1;
export const LEN = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;
export const FIXED32 = 5;

/** Messages and groups that may nest, as in protobuf's own parsers. */
export const MAX_DEPTH = 100;

const TWO_32 = 4294967296;

/** The same bytes as a Buffer, so that hot loops see one type only. Copies nothing. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The position after the varint at `pos`; -1: it is truncated or longer than ten bytes. */
export function varintEnd(bytes: Uint8Array, pos: number, end: number): number {
  const stop = Math.min(pos + 10, end);
  while (pos < stop) {
    if (bytes[pos++]! < 128) return pos;
  }
  return -1;
}

/** The low 32 bits of the varint at `pos`, unsigned. The whole value of a tag, a length, a uint32. */
export function varintLow(bytes: Uint8Array, pos: number): number {
  let byte = bytes[pos]!;
  if (byte < 128) return byte;
  let value = byte & 127;
  byte = bytes[pos + 1]!;
  value |= (byte & 127) << 7;
  if (byte < 128) return value;
  byte = bytes[pos + 2]!;
  value |= (byte & 127) << 14;
  if (byte < 128) return value;
  byte = bytes[pos + 3]!;
  value |= (byte & 127) << 21;
  if (byte < 128) return value;
  value |= (bytes[pos + 4]! & 15) << 28;
  return value >>> 0;
}

/** The high 32 bits of the varint at `pos`, unsigned. Bits beyond 64 are dropped, as protobuf does. */
export function varintHigh(bytes: Uint8Array, pos: number): number {
  for (let i = 0; i < 4; i++) if (bytes[pos + i]! < 128) return 0;
  let byte = bytes[pos + 4]!;
  let value = (byte & 127) >> 4;
  for (let i = 5, shift = 3; byte >= 128 && i < 10; i++, shift += 7) {
    byte = bytes[pos + i]!;
    value |= (byte & 127) << shift;
  }
  return value >>> 0;
}

/**
 * The length at `pos` as a number of bytes that fit before `end`, or -1: malformed, or it runs past the end. The content
 * begins at `varintEnd`.
 */
export function lengthWithin(bytes: Uint8Array, pos: number, end: number): number {
  const byte = pos < end ? bytes[pos]! : 128;
  if (byte < 128) return pos + 1 + byte <= end ? byte : -1;
  const next = varintEnd(bytes, pos, end);
  if (next < 0 || varintHigh(bytes, pos) !== 0) return -1;
  const length = varintLow(bytes, pos);
  return next + length <= end ? length : -1;
}

/**
 * The position after the tag at `pos`; -1: truncated, above 32 bits, field number 0. `varintLow` gives the tag itself: number
 * × 8 + wire type.
 */
export function tagEnd(bytes: Uint8Array, pos: number, end: number): number {
  if (pos >= end) return -1;
  const byte = bytes[pos]!;
  if (byte < 128) return byte >= 8 ? pos + 1 : -1;
  const next = varintEnd(bytes, pos, end);
  if (next < 0 || next - pos > 5 || (next - pos === 5 && bytes[pos + 4]! > 15)) return -1;
  return varintLow(bytes, pos) >= 8 ? next : -1;
}

/**
 * The position after the value at `pos` of a field whose tag was `tag`; -1: truncated, malformed, an unpaired end of a group, or
 * deeper than `depth` groups.
 */
export function skipValue(
  bytes: Uint8Array,
  pos: number,
  end: number,
  tag: number,
  depth = MAX_DEPTH,
): number {
  switch (tag & 7) {
    case VARINT:
      return varintEnd(bytes, pos, end);
    case FIXED64:
      return pos + 8 <= end ? pos + 8 : -1;
    case FIXED32:
      return pos + 4 <= end ? pos + 4 : -1;
    case LEN: {
      const length = lengthWithin(bytes, pos, end);
      return length < 0 ? -1 : varintEnd(bytes, pos, end) + length;
    }
    case START_GROUP: {
      if (depth <= 0) return -1;
      const closing = ((tag & ~7) | END_GROUP) >>> 0;
      while (true) {
        const next = tagEnd(bytes, pos, end);
        if (next < 0) return -1;
        const inner = varintLow(bytes, pos);
        if (inner === closing) return next;
        pos = skipValue(bytes, next, end, inner, depth - 1);
        if (pos < 0) return -1;
      }
    }
    default:
      return -1;
  }
}

/** Four bytes, little-endian, as a signed 32-bit integer. */
export function int32At(bytes: Uint8Array, pos: number): number {
  return bytes[pos]! | (bytes[pos + 1]! << 8) | (bytes[pos + 2]! << 16) | (bytes[pos + 3]! << 24);
}

const float64 = new Float64Array(1);
const float32 = new Float32Array(float64.buffer, 0, 1);
const halves = new Int32Array(float64.buffer);

// Scratch halves follow the machine's byte order; every platform that Node runs on and we test is little-endian.
export function doubleAt(bytes: Uint8Array, pos: number): number {
  halves[0] = int32At(bytes, pos);
  halves[1] = int32At(bytes, pos + 4);
  return float64[0]!;
}

export function floatAt(bytes: Uint8Array, pos: number): number {
  halves[0] = int32At(bytes, pos);
  return float32[0]!;
}

/** Halves (high signed or unsigned, low unsigned) to a number; exact up to ±2^53. */
export function toNumber(high: number, low: number): number {
  return high * TWO_32 + low;
}

export function toBigInt(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
