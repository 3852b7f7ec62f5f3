import { type FieldCode, ITEMS } from '../merge/code.ts';
import type { ItemList } from '../merge/items.ts';
import { numberEnd, type Sources } from '../merge/scan.ts';
import { LEN } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';
import { writeItem } from './value.ts';

/** Lists, one after the other, in shard order. */
export class Concat implements Reducer {
  readonly laws: Laws = { free: false, neutral: 'absent' };
  readonly #field: FieldCode;

  constructor(field: FieldCode) {
    this.#field = field;
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    const scans = sources.of(field);
    if (field.scanAs === ITEMS) {
      for (const { lists, bytes } of scans) {
        const list = lists[field.slot];
        if (list === undefined) continue;
        for (let i = 0; i < list.count; i++) {
          let last = i;
          while (last + 1 < list.count && isAdjacent(field, list, last + 1)) last++;
          writeItem(out, field, bytes, list.start(i), list.end(i));
          if (last > i) out.copy(bytes, list.end(i), list.end(last));
          i = last;
        }
      }
      return;
    }
    if (field.field.packed) {
      let length = 0;
      for (const { lists } of scans) {
        const list = lists[field.slot];
        if (list === undefined) continue;
        for (let i = 0; i < list.count; i++) length += list.end(i) - list.start(i);
      }
      if (length === 0) return;
      out.tag(field.field.number, LEN);
      out.varint(length);
    }
    for (const { lists, bytes } of scans) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const end = list.end(i);
        if (field.field.packed) {
          out.copy(bytes, list.start(i), end);
          continue;
        }
        for (let pos = list.start(i); pos < end; ) {
          const next = numberEnd(field, bytes, pos, end);
          out.varint(field.tag);
          out.copy(bytes, pos, next);
          pos = next;
        }
      }
    }
  }
}

/**
 * The item follows the one before it with nothing between them but its own header, as short as can be: then both can be copied at a
 * stroke.
 */
function isAdjacent(field: FieldCode, list: ItemList, item: number): boolean {
  if (field.wireType !== LEN) return false;
  const start = list.start(item);
  const header = varintBytes(field.tag) + varintBytes(list.end(item) - start);
  return start - list.end(item - 1) === header;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) count++;
  return count;
}
