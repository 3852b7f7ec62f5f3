import type { FieldCode } from '../merge/code.ts';
import { canonicalFloat, comparedAs, FLOAT } from '../merge/order.ts';
import type { Sources } from '../merge/scan.ts';
import { doubleAt, floatAt } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { writeWhole } from './first.ts';
import type { Laws, Reducer } from './reducer.ts';

/** Part of the key of the group or map around it: the same value in all sources. */
export class Key implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;

  constructor(field: FieldCode) {
    this.#field = field;
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    for (const scan of sources.of(field)) {
      const pos = scan.at[field.slot]!;
      if (pos === 0) continue;
      if (comparedAs(field.field.type) !== FLOAT) {
        writeWhole(out, field, scan);
        return;
      }
      // Equal keys may differ in their bits: -0 is written as +0, every NaN as one.
      const isDouble = field.field.type === 'double';
      const value = canonicalFloat(isDouble ? doubleAt(scan.bytes, pos) : floatAt(scan.bytes, pos));
      if (value === 0 && !field.explicit) return;
      out.varint(field.tag);
      if (isDouble) out.double(value);
      else out.float(value);
      return;
    }
  }
}
