import { RegatherError } from '../errors/errors.ts';
import { type FieldCode, ITEMS } from '../merge/code.ts';
import type { AskedKey } from '../merge/merger.ts';
import { comparedAs, INTEGER } from '../merge/order.ts';
import { numberEnd, type Scan, type Sources } from '../merge/scan.ts';
import type { FieldPath } from '../schema/plan.ts';
import { findPath } from '../wire/path.ts';
import { LEN, varintEnd, varintLow } from '../wire/reader.ts';
import { high, loadInteger, low } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import { KeyTable } from './key-table.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';
import { writeItem } from './value.ts';

/** The items of all shards in the order of the asked keys; a key that was asked twice has its item twice. */
export class Align implements Reducer {
  readonly laws: Laws = { free: false, neutral: 'nothing' };
  readonly #field: FieldCode;
  readonly #by: FieldPath | undefined;

  constructor(field: FieldCode, by: FieldPath | undefined) {
    this.#field = field;
    this.#by = by;
    if (by !== undefined) this.laws = { free: false, neutral: 'absent' };
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    const { asked } = run.context;
    if (asked === undefined) {
      throw new RegatherError(
        'INTERNAL',
        `Expected the asked keys to align ${this.#field.name} with, got none`,
      );
    }
    const scans = sources.of(this.#field);
    if (this.#by === undefined) this.#byPosition(asked, scans, out);
    else this.#byKey(asked, this.#by, scans, out);
  }

  #byKey(asked: readonly AskedKey[], by: FieldPath, scans: readonly Scan[], out: Writer): void {
    const field = this.#field;
    const keys = new KeyTable();
    const owners: Scan[] = [];
    const items: number[] = [];
    for (const scan of scans) {
      const list = scan.lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const before = keys.size;
        const start = keys.out.pos;
        keys.out.varint(scan.shard);
        writeHashed(keys.out, by, scan.bytes, list.start(i), list.end(i));
        // The first item of a key counts.
        if (keys.intern(start) !== before) continue;
        owners.push(scan);
        items.push(i);
      }
    }
    for (const { shard, key } of asked) {
      const start = keys.out.pos;
      keys.out.varint(shard);
      keys.out.copy(key, 0, key.length);
      const found = keys.lookup(start);
      if (found < 0) continue;
      const owner = owners[found]!;
      const list = owner.lists[field.slot]!;
      writeItem(out, field, owner.bytes, list.start(items[found]!), list.end(items[found]!));
    }
  }

  #byPosition(asked: readonly AskedKey[], scans: readonly Scan[], out: Writer): void {
    const field = this.#field;
    const expected = new Map<number, number>();
    for (const { shard, index } of asked) {
      expected.set(shard, Math.max(expected.get(shard) ?? 0, index + 1));
    }
    const byShard = new Map<number, readonly [Scan, readonly number[]]>();
    for (const scan of scans) {
      const wanted = expected.get(scan.shard) ?? 0;
      const ranges = this.#ranges(scan);
      if (ranges.length !== wanted * 2) {
        throw new RegatherError(
          'PARTIAL_MALFORMED',
          `Expected one item for each of ${wanted} keys, got ${ranges.length / 2} from shard ${scan.shard} (${field.name})`,
          { field: field.name, shards: [scan.shard] },
        );
      }
      byShard.set(scan.shard, [scan, ranges]);
    }
    const packed =
      field.scanAs !== ITEMS && field.field.packed ? new Writer(asked.length * 8 + 1) : undefined;
    for (const { shard, index } of asked) {
      const found = byShard.get(shard);
      if (found === undefined) continue;
      const [{ bytes }, ranges] = found;
      const [start, end] = [ranges[index * 2]!, ranges[index * 2 + 1]!];
      if (field.scanAs === ITEMS) writeItem(out, field, bytes, start, end);
      else {
        if (packed === undefined) out.varint(field.tag);
        (packed ?? out).copy(bytes, start, end);
      }
    }
    if (packed === undefined || packed.pos === 0) return;
    out.tag(field.field.number, LEN);
    out.varint(packed.pos);
    out.copy(packed.buffer, 0, packed.pos);
  }

  /** Start and end of every item or number. */
  #ranges({ lists, bytes }: Scan): readonly number[] {
    const field = this.#field;
    const list = lists[field.slot];
    const ranges: number[] = [];
    if (list === undefined) return ranges;
    for (let i = 0; i < list.count; i++) {
      const end = list.end(i);
      if (field.scanAs === ITEMS) {
        ranges.push(list.start(i), end);
        continue;
      }
      for (let pos = list.start(i); pos < end; ) {
        const next = numberEnd(field, bytes, pos, end);
        ranges.push(pos, next);
        pos = next;
      }
    }
    return ranges;
  }
}

/** The item's key as keys are hashed: text and bytes as they are, integers as 8 bytes, little-endian two's complement. */
function writeHashed(out: Writer, by: FieldPath, bytes: Buffer, start: number, end: number): void {
  const leaf = by.fields[by.fields.length - 1]!;
  const at = findPath(bytes, start, end, by.fields, 0);
  if (comparedAs(leaf.type) === INTEGER) {
    if (at <= 0) out.fixed64(0, 0);
    else {
      loadInteger(leaf.type, bytes, at);
      out.fixed64(high, low);
    }
  } else if (at > 0) {
    const from = varintEnd(bytes, at, end);
    out.copy(bytes, from, from + varintLow(bytes, at));
  }
}
