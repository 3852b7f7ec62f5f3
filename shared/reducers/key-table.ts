/**
 * Keys made of bytes, numbered in order of first appearance. A key is written to `out` and then interned, so that known ones leave
 * nothing behind.
 */
import { canonicalFloat, comparedAs, compareRanges, FLOAT, INTEGER } from '../merge/order.ts';
import type { FieldPath, FieldShape } from '../schema/plan.ts';
import { findPath } from '../wire/path.ts';
import { doubleAt, floatAt, varintEnd, varintLow } from '../wire/reader.ts';
import { high, loadInteger, low } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';

const FIRST_SLOTS = 64;
const basis = Math.floor(Math.random() * 0x100000000);

export class KeyTable {
  readonly out = new Writer(1024);
  size = 0;
  /** 1 + the key's number; 0 empty. A power of two, at most half full. */
  #slots = new Int32Array(FIRST_SLOTS);
  #starts: number[] = [];
  #ends: number[] = [];
  #hashes: number[] = [];

  /** The number of the key that was written to `out` since `start`; equal to the old `size` if it is new. */
  intern(start: number): number {
    const hash = this.#hash(start);
    let slot = this.#find(start, hash);
    const known = this.#slots[slot]! - 1;
    if (known >= 0) {
      this.out.pos = start;
      return known;
    }
    const added = this.size++;
    this.#starts.push(start);
    this.#ends.push(this.out.pos);
    this.#hashes.push(hash);
    if (this.size * 2 > this.#slots.length) {
      this.#rehash();
      return added;
    }
    slot = this.#find(start, hash);
    this.#slots[slot] = added + 1;
    return added;
  }

  /** The number of the key that was written to `out` since `start`, or -1. Takes the key out again. */
  lookup(start: number): number {
    const known = this.#slots[this.#find(start, this.#hash(start))]! - 1;
    this.out.pos = start;
    return known;
  }

  #hash(start: number): number {
    const { buffer, pos } = this.out;
    // FNV-1a, 32 bits, from a start of this process' own: which keys collide isn't known outside.
    let hash = basis;
    for (let i = start; i < pos; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #find(start: number, hash: number): number {
    const { buffer, pos } = this.out;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (true) {
      const key = this.#slots[slot]! - 1;
      if (key < 0) return slot;
      if (
        this.#hashes[key] === hash &&
        compareRanges(buffer, this.#starts[key]!, this.#ends[key]!, buffer, start, pos) === 0
      ) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let key = 0; key < this.size; key++) {
      let slot = this.#hashes[key]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = key + 1;
    }
  }
}

/** Writes the fields at `paths` of the message `bytes[start, end)` so that equal values, and only those, give equal bytes. */
export function writeKey(
  out: Writer,
  paths: readonly FieldPath[],
  bytes: Buffer,
  start: number,
  end: number,
): void {
  for (let i = 0; i < paths.length; i++) {
    const { fields } = paths[i]!;
    const leaf = fields[fields.length - 1]!;
    writeKeyValue(out, leaf, bytes, findPath(bytes, start, end, fields, 0));
  }
}

/** As `writeKey`, for a value whose place is known; 0 or less: absent. */
export function writeKeyValue(out: Writer, leaf: FieldShape, bytes: Buffer, at: number): void {
  if (leaf.presence === 'explicit') {
    out.byte(at > 0 ? 1 : 0);
    if (at <= 0) return;
  }
  switch (comparedAs(leaf.type)) {
    case INTEGER:
      if (at > 0) {
        loadInteger(leaf.type, bytes, at);
        out.fixed64(high, low);
      } else out.fixed64(0, 0);
      return;
    case FLOAT: {
      const value = at <= 0 ? 0 : leaf.type === 'double' ? doubleAt(bytes, at) : floatAt(bytes, at);
      out.double(canonicalFloat(value));
      return;
    }
    default: {
      const length = at <= 0 ? 0 : varintLow(bytes, at);
      out.varint(length);
      if (length > 0) {
        const start = varintEnd(bytes, at, bytes.length);
        out.copy(bytes, start, start + length);
      }
    }
  }
}
