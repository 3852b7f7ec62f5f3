/** What a key hashes as: strings and bytes as their bytes (UTF-8), integers as 8 bytes, little-endian two's complement. */
import type { KeySpec } from '../schema/plan.ts';

/** A key as a program has it. A `number` must be a safe integer, a `bigint` fit into int64 or uint64. */
export type Key = string | Uint8Array | bigint | number;

const minInt64 = -(2n ** 63n);
const maxUint64 = 2n ** 64n - 1n;

/** The lower 32 bits of a safe integer's two's complement. */
export function lowWord(value: number): number {
  return value | 0;
}

/** Its upper 32 bits. */
export function highWord(value: number): number {
  return Math.floor(value / 0x1_0000_0000) | 0;
}

/** Throws RangeError for numbers that stand for no 64-bit integer exactly. */
export function checkInteger(value: number | bigint): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(
        `Expected a key that is a safe integer, got ${value}; larger ones are given as bigint`,
      );
    }
  } else if (value < minInt64 || value > maxUint64) {
    throw new RangeError(`Expected a key of 64 bits, got ${value}`);
  }
}

/** 8 bytes, little-endian, of a 64-bit integer given as its two halves. */
export function int64Bytes(low: number, high: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeInt32LE(low | 0, 0);
  bytes.writeInt32LE(high | 0, 4);
  return bytes;
}

function integerBytes(value: number | bigint): Uint8Array {
  checkInteger(value);
  if (typeof value === 'number') return int64Bytes(lowWord(value), highWord(value));
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/**
 * The bytes that a key hashes as. `hashAs` is what the request's field says; by default, what the value's own type says. With
 * `int64` a string is a decimal number, as protobuf's JSON and many codecs give 64-bit integers.
 * Throws RangeError for a value that can't be such a key.
 */
export function keyBytes(
  value: Key,
  hashAs: KeySpec['hashAs'] = typeof value === 'string' || typeof value === 'object' ? 'bytes' : 'int64',
): Uint8Array {
  if (hashAs === 'bytes') {
    if (typeof value === 'string') return Buffer.from(value, 'utf8');
    if (typeof value === 'object') return value;
    throw new RangeError(`Expected a key of string or bytes, got the integer ${value}`);
  }
  if (typeof value === 'object')
    throw new RangeError(`Expected an integer as key, got ${value.length} bytes`);
  if (typeof value !== 'string') return integerBytes(value);
  if (!/^-?\d+$/.test(value))
    throw new RangeError(`Expected an integer as key, got ${JSON.stringify(value)}`);
  return integerBytes(BigInt(value));
}
