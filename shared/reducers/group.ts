import type { FieldCode, MessageCode } from '../merge/code.ts';
import { scanItem } from '../merge/message.ts';
import { Order } from '../merge/order.ts';
import type { Scan, Sources } from '../merge/scan.ts';
import type { FieldPath, MergeSpec } from '../schema/plan.ts';
import { findPath } from '../wire/path.ts';
import type { Writer } from '../wire/writer.ts';
import { Bodies } from './bodies.ts';
import { KeyTable, writeKeyValue } from './key-table.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';
import { writeItem } from './value.ts';

/**
 * Items with equal keys become one, whose other fields merge by their own merges. Partials are sorted by key; only the final answer has
 * an order, an offset and a limit. Free if everything in an item is.
 */
export class Group implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;
  readonly #item: MessageCode;
  readonly #by: readonly FieldPath[];
  /** Slots of the fields that the paths of the key begin with. */
  readonly #keySlots: readonly number[];
  readonly #byKey: readonly Order[];
  readonly #ordered: readonly Order[];
  readonly #orderFrom: number | undefined;
  readonly #window: number | undefined;

  constructor(field: FieldCode, item: MessageCode, spec: MergeSpec & { kind: 'group' }, free: boolean) {
    this.laws = { free, neutral: 'absent' };
    this.#field = field;
    this.#item = item;
    this.#by = spec.by;
    this.#keySlots = spec.by.map((path) => item.slotOf(path.fields[0]!.number));
    this.#byKey = spec.by.map((path) => new Order(path, false));
    this.#ordered = [...Order.all(spec.order), ...this.#byKey];
    this.#orderFrom = spec.orderFrom;
    this.#window = spec.window;
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    const groups = this.#collect(sources);
    if (groups.length === 0) return;
    const window = this.#window === undefined || !run.final ? undefined : run.context.windows[this.#window];
    const first = window === undefined ? 0 : window.offset;
    const last = window === undefined ? groups.length : Math.min(groups.length, first + window.limit);

    const bodies = new Bodies();
    const { keepInternal } = run;
    run.keepInternal = keepInternal || this.#item.hasInternal;
    for (const group of groups) bodies.add(this.#item, group, run);
    const sorted = bodies.sort(this.#ordersOf(run));
    const leaveOut = run.final && run.keepInternal && !keepInternal;
    run.keepInternal = keepInternal;

    const { unknownFields } = run;
    for (let i = first; i < last; i++) {
      let index = sorted[i]!;
      if (leaveOut) {
        // Once more, without what it was only sorted by.
        bodies.add(this.#item, groups[index]!, run);
        index = groups.length + i - first;
      }
      writeItem(out, this.#field, bodies.out.buffer, bodies.start(index), bodies.end(index));
    }
    run.unknownFields = unknownFields;
  }

  #ordersOf(run: MergeRun): readonly Order[] {
    if (!run.final) return this.#byKey;
    const asked = this.#orderFrom === undefined ? undefined : run.context.orders[this.#orderFrom];
    return asked === undefined ? this.#ordered : [...Order.all(asked), ...this.#byKey];
  }

  /** The items of each group, in shard order and then as they stood. */
  #collect(sources: Sources): Scan[][] {
    const field = this.#field;
    const keys = new KeyTable();
    const groups: Scan[][] = [];
    for (const { lists, bytes, shard } of sources.of(field)) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      for (let i = 0; i < list.count; i++) {
        const start = list.start(i);
        const end = list.end(i);
        const scan = scanItem(this.#item, bytes, start, end, shard);
        const keyAt = keys.out.pos;
        for (let k = 0; k < this.#by.length; k++) {
          const { fields } = this.#by[k]!;
          // A field of the item itself was found by the scan.
          const at =
            fields.length === 1 ? scan.at[this.#keySlots[k]!]! : findPath(bytes, start, end, fields, 0);
          writeKeyValue(keys.out, fields[fields.length - 1]!, bytes, at);
        }
        const index = keys.intern(keyAt);
        if (index === groups.length) groups.push([scan]);
        else groups[index]!.push(scan);
      }
    }
    return groups;
  }
}
