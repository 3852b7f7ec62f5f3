/**
 * One pass over a partial: checks its whole structure and remembers where the values are that merging needs. What is remembered are
 * positions; the bytes stay where they are.
 */

import { check, checkField, checkMessage, checkScalar, groupBodyEnd, watchedAt } from '../wire/check.ts';
import { WireFault } from '../wire/fault.ts';
import {
  FIXED32,
  FIXED64,
  LEN,
  lengthWithin,
  MAX_DEPTH,
  skipValue,
  tagEnd,
  VARINT,
  varintEnd,
  varintLow,
} from '../wire/reader.ts';
import { CHILD, DROPPED, type FieldCode, ITEMS, type MessageCode, RUNS, VALUE } from './code.ts';
import { ItemList } from './items.ts';

const NO_LISTS: (ItemList | undefined)[] = [];
const NO_CHILDREN: (Scan | undefined)[] = [];

/** What one source (a shard's partial, several shards' combined one, an item) has of a message. */
export class Scan {
  readonly code: MessageCode;
  readonly bytes: Buffer;
  /** The lowest one that the source is of. */
  readonly shard: number;
  /** Per slot: 0 absent; VALUE: where the value begins; otherwise 1. */
  readonly at: number[];
  lists = NO_LISTS;
  children = NO_CHILDREN;
  /** Per oneof: 1 + the slot of the member that is set; 0 none. Empty until one is set. */
  members: number[] | undefined = undefined;
  unknownFields = 0;

  constructor(code: MessageCode, bytes: Buffer, shard: number) {
    this.code = code;
    this.bytes = bytes;
    this.shard = shard;
    this.at = code.blank.slice();
  }

  list(slot: number): ItemList {
    if (this.lists === NO_LISTS) this.lists = new Array<ItemList | undefined>(this.at.length).fill(undefined);
    let list = this.lists[slot];
    if (list === undefined) {
      list = new ItemList();
      this.lists[slot] = list;
      this.at[slot] = 1;
    }
    return list;
  }

  child(slot: number, code: MessageCode): Scan {
    if (this.children === NO_CHILDREN)
      this.children = new Array<Scan | undefined>(this.at.length).fill(undefined);
    let child = this.children[slot];
    if (child === undefined) {
      child = new Scan(code, this.bytes, this.shard);
      this.children[slot] = child;
      this.at[slot] = 1;
    }
    return child;
  }

  /** A member of a oneof was set: whatever other member was before no longer is. */
  choose(oneof: number, slot: number): void {
    this.members ??= new Array<number>(this.code.oneofs.length).fill(0);
    const before = this.members[oneof]! - 1;
    if (before === slot) return;
    this.members[oneof] = slot + 1;
    if (before < 0) return;
    this.at[before] = 0;
    if (this.lists !== NO_LISTS) this.lists[before] = undefined;
    if (this.children !== NO_CHILDREN) this.children[before] = undefined;
  }
}

/** The sources of one merge, each array by ascending shard. Inside nested messages both are the same. */
export class Sources {
  /** One per source; several shards' combined part is one. */
  free: readonly Scan[];
  /** One per shard. */
  ordered: readonly Scan[];

  constructor(free: readonly Scan[], ordered: readonly Scan[]) {
    this.free = free;
    this.ordered = ordered;
  }

  of(field: FieldCode): readonly Scan[] {
    return field.free ? this.free : this.ordered;
  }
}

/** Adds `bytes[pos, end)` to what the scan has. Throws WireFault. */
export function scanMessage(scan: Scan, pos: number, end: number, depth: number): void {
  const { code, bytes, at } = scan;
  const { fields } = code;
  while (pos < end) {
    const tag = bytes[pos]!;
    const slot = tag < 128 ? code.slotOf(tag >>> 3) : -1;
    if (slot >= 0) {
      const field = fields[slot]!;
      if (field.tag === tag) {
        if (field.scanAs === VALUE && field.oneof < 0) {
          const next = skipValue(bytes, pos + 1, end, tag);
          if (next >= 0) {
            at[slot] = pos + 1;
            pos = next;
            continue;
          }
        } else if (field.scanAs === ITEMS && field.wireType === LEN) {
          const next = scanItems(field, scan.list(slot), bytes, pos, end, depth);
          if (next > pos) {
            pos = next;
            continue;
          }
        }
      }
    }
    pos = scanField(scan, pos, end, depth);
  }
  const { lists } = scan;
  for (let slot = lists.length - 1; slot >= 0; slot--) lists[slot]?.trim();
}

/** Items in a row, by their short tag. Returns where it can't go on. */
function scanItems(
  field: FieldCode,
  list: ItemList,
  bytes: Buffer,
  pos: number,
  end: number,
  depth: number,
): number {
  const { tag, check: itemCheck, order } = field;
  if (itemCheck !== undefined && depth <= 0) return pos;
  const watch = order === undefined ? -1 : order.watch;
  // The most common key by far is read by a view of its own.
  const doubles =
    watch >= 0 && order!.type === 'double'
      ? new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      : undefined;
  const sign = order?.descending ? -1 : 1;
  let { ints, ranks, capacity } = list;
  let at = list.first + list.count;
  let full = list.first + capacity;
  while (pos < end && bytes[pos] === tag) {
    let start = pos + 2;
    let next = pos + 1 < end ? start + bytes[pos + 1]! : end + 1;
    if (next - start > 127) {
      const length = lengthWithin(bytes, pos + 1, end);
      if (length < 0) break;
      start = varintEnd(bytes, pos + 1, end);
      next = start + length;
    }
    if (next > end) break;
    if (itemCheck !== undefined) check(itemCheck, bytes, start, next, watch, depth - 1);
    let rank = 0;
    if (doubles !== undefined && watchedAt > 0) {
      rank = doubles.getFloat64(watchedAt, true) * sign;
      if (Number.isNaN(rank)) rank = Infinity;
    } else if (order !== undefined) {
      rank = order.rank(bytes, watch >= 0 ? watchedAt : order.find(bytes, start, next));
    }
    if (at === full) {
      list.count = at - list.first;
      list.grow();
      ({ ints, ranks, capacity } = list);
      at = list.first + list.count;
      full = list.first + capacity;
    }
    ints[at * 2] = start;
    ints[at * 2 + 1] = next;
    ranks[at++] = rank;
    pos = next;
  }
  list.count = at - list.first;
  return pos;
}

/** The long way: any tag, any form. Returns the position after the field. */
function scanField(scan: Scan, pos: number, end: number, depth: number): number {
  const { code, bytes } = scan;
  const valueAt = tagEnd(bytes, pos, end);
  if (valueAt < 0) throw new WireFault('a malformed tag', code.shape.name, pos);
  const tag = varintLow(bytes, pos);
  const slot = code.slotOf(tag >>> 3);
  if (slot < 0) {
    scan.unknownFields++;
    return checkField(code.check, bytes, pos, end, depth);
  }
  const field = code.fields[slot]!;
  const { field: shape } = field;
  const isMessage = shape.message !== undefined;
  if (isMessage && (tag & 7) === field.wireType) {
    return scanSubmessage(scan, field, valueAt, end, tag, depth);
  }
  const next = checkScalar(code.shape, shape, bytes, valueAt, end, tag);
  if (field.oneof >= 0) scan.choose(field.oneof, slot);
  switch (field.scanAs) {
    case VALUE:
      scan.at[slot] = valueAt;
      break;
    case ITEMS:
      scan.list(slot).push(varintEnd(bytes, valueAt, end), next, 0);
      break;
    case RUNS:
      scan.list(slot).push((tag & 7) === field.wireType ? valueAt : varintEnd(bytes, valueAt, end), next, 0);
      break;
  }
  return next;
}

function scanSubmessage(
  scan: Scan,
  field: FieldCode,
  valueAt: number,
  end: number,
  tag: number,
  depth: number,
): number {
  const { code, bytes } = scan;
  if (field.scanAs !== CHILD) {
    const next = checkMessage(field.check!, field.field, code.shape, bytes, valueAt, end, tag, depth);
    if (field.oneof >= 0) scan.choose(field.oneof, field.slot);
    if (field.scanAs !== DROPPED) {
      const start = (tag & 7) === LEN ? varintEnd(bytes, valueAt, end) : valueAt;
      const stop = (tag & 7) === LEN ? next : groupBodyEnd(bytes, next, tag);
      const { order } = field;
      scan
        .list(field.slot)
        .push(start, stop, order === undefined ? 0 : order.rank(bytes, order.find(bytes, start, stop)));
    }
    return next;
  }
  if (depth <= 0) throw new WireFault(`more than ${MAX_DEPTH} nested messages`, field.name, valueAt);
  const next = skipValue(bytes, valueAt, end, tag, depth);
  // The check explains what is wrong with it.
  if (next < 0) return checkMessage(field.check!, field.field, code.shape, bytes, valueAt, end, tag, depth);
  if (field.oneof >= 0) scan.choose(field.oneof, field.slot);
  const start = (tag & 7) === LEN ? varintEnd(bytes, valueAt, end) : valueAt;
  const stop = (tag & 7) === LEN ? next : groupBodyEnd(bytes, next, tag);
  scanMessage(scan.child(field.slot, field.child!), start, stop, depth - 1);
  return next;
}

/** The position after the number at `pos` of a run. */
export function numberEnd(field: FieldCode, bytes: Buffer, pos: number, end: number): number {
  if (field.wireType === VARINT) return varintEnd(bytes, pos, end);
  return pos + (field.wireType === FIXED64 ? 8 : field.wireType === FIXED32 ? 4 : 0);
}
