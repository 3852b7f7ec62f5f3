import { type FieldCode, ITEMS } from '../merge/code.ts';
import { canonicalFloat, comparedAs, compareRanges, FLOAT } from '../merge/order.ts';
import { numberEnd, type Sources } from '../merge/scan.ts';
import type { FieldPath } from '../schema/plan.ts';
import { doubleAt, floatAt, LEN } from '../wire/reader.ts';
import { writeScalar } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import { KeyTable, writeKey } from './key-table.ts';
import type { Laws, Reducer } from './reducer.ts';
import { integerAt, writeItem } from './value.ts';

/** Distinct values, sorted: free. */
export class Union implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;

  constructor(field: FieldCode) {
    this.#field = field;
  }

  reduce(sources: Sources, out: Writer): void {
    if (this.#field.scanAs === ITEMS) this.#items(sources, out);
    else this.#numbers(sources, out);
  }

  #items(sources: Sources, out: Writer): void {
    const field = this.#field;
    const all: Buffer[] = [];
    for (const { lists, bytes } of sources.of(field)) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) all.push(bytes.subarray(list.start(i), list.end(i)));
    }
    all.sort(compareWhole);
    let last: Buffer | undefined;
    for (const item of all) {
      if (last !== undefined && compareWhole(last, item) === 0) continue;
      writeItem(out, field, item, 0, item.length);
      last = item;
    }
  }

  #numbers(sources: Sources, out: Writer): void {
    const field = this.#field;
    const { type } = field.field;
    const isFloat = comparedAs(type) === FLOAT;
    const all: (number | bigint)[] = [];
    for (const { lists, bytes } of sources.of(field)) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const end = list.end(i);
        for (let pos = list.start(i); pos < end; pos = numberEnd(field, bytes, pos, end)) {
          if (!isFloat) all.push(integerAt(type, bytes, pos));
          else all.push(canonicalFloat(type === 'double' ? doubleAt(bytes, pos) : floatAt(bytes, pos)));
        }
      }
    }
    if (all.length === 0) return;
    all.sort(compareNumbers);
    const packed = field.field.packed ? new Writer(all.length * 2) : undefined;
    let last: number | bigint | undefined;
    for (const value of all) {
      if (last !== undefined && compareNumbers(last, value) === 0) continue;
      last = value;
      if (packed === undefined) out.varint(field.tag);
      writeScalar(packed ?? out, type, type === 'bool' ? value !== 0 : value);
    }
    if (packed === undefined) return;
    out.tag(field.field.number, LEN);
    out.varint(packed.pos);
    out.copy(packed.buffer, 0, packed.pos);
  }
}

/** NaN is above every number. */
function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
}

function compareWhole(a: Buffer, b: Buffer): number {
  return compareRanges(a, 0, a.length, b, 0, b.length);
}

/** Items distinct by their key; the lowest-numbered shard's wins, in order of first appearance. */
export class KeyedUnion implements Reducer {
  readonly laws: Laws = { free: false, neutral: 'absent' };
  readonly #field: FieldCode;
  readonly #by: readonly FieldPath[];

  constructor(field: FieldCode, by: readonly FieldPath[]) {
    this.#field = field;
    this.#by = by;
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    const keys = new KeyTable();
    for (const { lists, bytes } of sources.of(field)) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const before = keys.size;
        const start = keys.out.pos;
        writeKey(keys.out, this.#by, bytes, list.start(i), list.end(i));
        if (keys.intern(start) === before) writeItem(out, field, bytes, list.start(i), list.end(i));
      }
    }
  }
}
