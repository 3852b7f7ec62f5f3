import type { FieldCode, MessageCode } from '../merge/code.ts';
import { scanItem } from '../merge/message.ts';
import { Order } from '../merge/order.ts';
import type { Scan, Sources } from '../merge/scan.ts';
import type { FieldShape } from '../schema/plan.ts';
import { FIXED32, FIXED64, LEN } from '../wire/reader.ts';
import { wireTypeOf } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import { Bodies } from './bodies.ts';
import { KeyTable, writeKeyValue } from './key-table.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';
import { writeItem } from './value.ts';

/** A map whose entries with equal keys merge their values; sorted by key. Free if the values' merge is. */
export class MapMerge implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;
  readonly #entry: MessageCode;
  readonly #byKey: readonly Order[];
  /** An entry of a default key and a default value. */
  readonly #defaults: Buffer;

  /** `entry`: field 1, the key, and field 2, the value, both as if they had presence: an entry has them even if it leaves them out. */
  constructor(field: FieldCode, entry: MessageCode, free: boolean) {
    this.laws = { free, neutral: 'absent' };
    this.#field = field;
    this.#entry = entry;
    const [key, value] = [entry.fields[0]!.field, entry.fields[1]!.field];
    this.#byKey = [new Order({ text: key.name, fields: [key] }, false)];
    const out = new Writer(32);
    writeDefault(out, key);
    writeDefault(out, value);
    this.#defaults = out.finish();
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    const field = this.#field;
    const keys = new KeyTable();
    const entries: Scan[][] = [];
    const lastSource: number[] = [];
    const scans = sources.of(field);
    for (let source = 0; source < scans.length; source++) {
      const { lists, bytes, shard } = scans[source]!;
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const entry = this.#scan(bytes, list.start(i), list.end(i), shard);
        const keyAt = keys.out.pos;
        writeKeyValue(keys.out, this.#entry.fields[0]!.field, entry.bytes, entry.at[0]!);
        const index = keys.intern(keyAt);
        if (index === entries.length) entries.push([entry]);
        else {
          const known = entries[index]!;
          // Within one map the last of equal keys counts.
          if (lastSource[index] === source) known.pop();
          known.push(entry);
        }
        lastSource[index] = source;
      }
    }
    if (entries.length === 0) return;
    const bodies = new Bodies();
    for (const entry of entries) bodies.add(this.#entry, entry, run);
    for (const index of bodies.sort(this.#byKey)) {
      writeItem(out, field, bodies.out.buffer, bodies.start(index), bodies.end(index));
    }
  }

  #scan(bytes: Buffer, start: number, end: number, shard: number): Scan {
    const scan = scanItem(this.#entry, bytes, start, end, shard);
    if (scan.at[0] !== 0 && scan.at[1] !== 0) return scan;
    const whole = Buffer.concat([this.#defaults, bytes.subarray(start, end)]);
    return scanItem(this.#entry, whole, 0, whole.length, shard);
  }
}

function writeDefault(out: Writer, { number, type }: FieldShape): void {
  const wireType = wireTypeOf(type);
  out.tag(number, wireType);
  if (wireType === FIXED64) out.fixed64(0, 0);
  else if (wireType === FIXED32) out.fixed32(0);
  else if (wireType === LEN) out.varint(0);
  else out.byte(0);
}
