import type { FieldCode } from '../merge/code.ts';
import type { Sources } from '../merge/scan.ts';
import { loadInteger, low } from '../wire/scalar.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';

/** Whether any, or all, are true. Without presence an absent bool is false, as protobuf says; with it, it is neutral. */
export class AnyAll implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;
  readonly #isAny: boolean;

  constructor(field: FieldCode, which: 'any' | 'all') {
    this.#field = field;
    this.#isAny = which === 'any';
    this.laws = { free: true, neutral: this.#isAny || field.explicit ? 'absent' : 'nothing' };
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    const { slot, explicit } = field;
    const scans = sources.of(field);
    let present = false;
    let trues = 0;
    let falses = 0;
    for (const { at, bytes } of scans) {
      const pos = at[slot]!;
      if (pos === 0) {
        if (!explicit) falses++;
        continue;
      }
      present = true;
      loadInteger('bool', bytes, pos);
      if (low === 1) trues++;
      else falses++;
    }
    const result = this.#isAny ? trues > 0 : falses === 0 && trues > 0;
    if (explicit ? !present : !result) return;
    out.varint(field.tag);
    out.byte(result ? 1 : 0);
  }
}
