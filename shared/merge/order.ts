/**
 * The order that `top`, `group`, `union`, `min` and `max` share. Numbers by value, bools false first, enums by number, strings and bytes by
 * their bytes. NaN comes last whichever way the order runs, and after it an absent field with presence; an absent field without
 * presence is its default.
 */
import type { FieldPath, FieldShape, FieldType, SortKey } from '../schema/plan.ts';
import { findPath } from '../wire/path.ts';
import { doubleAt, floatAt, lengthWithin, toNumber, varintEnd } from '../wire/reader.ts';
import { high, loadInteger, low, wireTypeOf } from '../wire/scalar.ts';

/** How types compare. */
export const FLOAT = 0;
export const INTEGER = 1;
export const BYTES = 2;

export function comparedAs(type: FieldType): number {
  switch (type) {
    case 'double':
    case 'float':
      return FLOAT;
    case 'string':
    case 'bytes':
    case 'message':
    case 'group':
      return BYTES;
    default:
      return INTEGER;
  }
}

/** Six bytes of text fit a double exactly. */
const PREFIX_BYTES = 6;

/** One sort key, made ready. */
export class Order {
  readonly fields: readonly FieldShape[];
  readonly type: FieldType;
  readonly kind: number;
  readonly descending: boolean;
  /** An absent key is the type's default, not nothing. */
  readonly defaults: boolean;
  /** The key's tag if it is a field of the item itself; otherwise -1. */
  readonly watch: number;

  constructor(path: FieldPath, descending: boolean) {
    const leaf = path.fields[path.fields.length - 1]!;
    this.fields = path.fields;
    this.type = leaf.type;
    this.kind = comparedAs(leaf.type);
    this.descending = descending;
    this.defaults = leaf.presence === 'implicit';
    this.watch = path.fields.length === 1 ? ((leaf.number << 3) | wireTypeOf(leaf.type)) >>> 0 : -1;
  }

  static all(keys: readonly SortKey[]): Order[] {
    return keys.map((key) => new Order(key.path, key.descending));
  }

  /** Where the key's value begins in `bytes[start, end)`; 0 or less: it is absent. */
  find(bytes: Buffer, start: number, end: number): number {
    return findPath(bytes, start, end, this.fields, 0);
  }

  /**
   * A number that is lower for what comes earlier, and equal where `compare` has to decide: beyond 2^53, beyond six bytes of
   * text, for NaN and absent. `at` is where the key's value begins (0 or less: absent).
   */
  rank(bytes: Buffer, at: number): number {
    if (at <= 0 && !this.defaults) return Infinity;
    let value = 0;
    if (at > 0) {
      if (this.kind === FLOAT) {
        value = this.type === 'double' ? doubleAt(bytes, at) : floatAt(bytes, at);
        if (Number.isNaN(value)) return Infinity;
      } else if (this.kind === INTEGER) {
        loadInteger(this.type, bytes, at);
        value = toNumber(high, low);
      } else value = prefix(bytes, at);
    }
    return this.descending ? -value : value;
  }

  /** Below 0: the key at `a` comes before the one at `b`. */
  compare(bytesA: Buffer, a: number, bytesB: Buffer, b: number): number {
    if (!this.defaults && (a <= 0 || b <= 0)) {
      if (a <= 0) return b <= 0 ? 0 : 1;
      return -1;
    }
    if (this.kind === FLOAT) {
      const x = a <= 0 ? 0 : this.type === 'double' ? doubleAt(bytesA, a) : floatAt(bytesA, a);
      const y = b <= 0 ? 0 : this.type === 'double' ? doubleAt(bytesB, b) : floatAt(bytesB, b);
      if (x < y) return this.descending ? 1 : -1;
      if (x > y) return this.descending ? -1 : 1;
      return (Number.isNaN(x) ? 1 : 0) - (Number.isNaN(y) ? 1 : 0);
    }
    const order =
      this.kind === INTEGER
        ? compareIntegers(this.type, bytesA, a, bytesB, b)
        : compareBytesAt(bytesA, a, bytesB, b);
    return this.descending ? -order : order;
  }
}

function prefix(bytes: Buffer, at: number): number {
  const length = lengthWithin(bytes, at, bytes.length);
  const start = varintEnd(bytes, at, bytes.length);
  let value = 0;
  for (let i = 0; i < PREFIX_BYTES; i++) value = value * 256 + (i < length ? bytes[start + i]! : 0);
  return value;
}

/** Integers, bools and enums; a position of 0 or less is a zero. */
export function compareIntegers(
  type: FieldType,
  bytesA: Buffer,
  a: number,
  bytesB: Buffer,
  b: number,
): number {
  let highA = 0;
  let lowA = 0;
  let highB = 0;
  let lowB = 0;
  if (a > 0) {
    loadInteger(type, bytesA, a);
    highA = high;
    lowA = low;
  }
  if (b > 0) {
    loadInteger(type, bytesB, b);
    highB = high;
    lowB = low;
  }
  if (highA !== highB) return highA < highB ? -1 : 1;
  return lowA === lowB ? 0 : lowA < lowB ? -1 : 1;
}

/** Values with a length in front; a position of 0 or less is empty. */
export function compareBytesAt(bytesA: Buffer, a: number, bytesB: Buffer, b: number): number {
  const startA = a <= 0 ? 0 : varintEnd(bytesA, a, bytesA.length);
  const startB = b <= 0 ? 0 : varintEnd(bytesB, b, bytesB.length);
  const endA = a <= 0 ? 0 : startA + lengthWithin(bytesA, a, bytesA.length);
  const endB = b <= 0 ? 0 : startB + lengthWithin(bytesB, b, bytesB.length);
  return compareRanges(bytesA, startA, endA, bytesB, startB, endB);
}

export function compareRanges(
  bytesA: Buffer,
  startA: number,
  endA: number,
  bytesB: Buffer,
  startB: number,
  endB: number,
): number {
  const shorter = Math.min(endA - startA, endB - startB);
  for (let i = 0; i < shorter; i++) {
    const difference = bytesA[startA + i]! - bytesB[startB + i]!;
    if (difference !== 0) return difference;
  }
  return endA - startA - (endB - startB);
}

/** Compares two messages by all keys. Their bytes may still differ where it returns 0. */
export function compareByKeys(
  orders: readonly Order[],
  bytesA: Buffer,
  startA: number,
  endA: number,
  bytesB: Buffer,
  startB: number,
  endB: number,
): number {
  for (let i = 0; i < orders.length; i++) {
    const order = orders[i]!;
    const a = order.find(bytesA, startA, endA);
    const b = order.find(bytesB, startB, endB);
    const result = order.compare(bytesA, a, bytesB, b);
    if (result !== 0) return result;
  }
  return 0;
}

/** One value for equal floats: -0 becomes 0. (Writers know one NaN only.) */
export function canonicalFloat(value: number): number {
  return value + 0;
}
