import type { FieldCode } from '../merge/code.ts';
import { BYTES, compareBytesAt, comparedAs, compareIntegers, FLOAT } from '../merge/order.ts';
import type { Sources } from '../merge/scan.ts';
import { doubleAt, floatAt } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';
import { copyValue } from './value.ts';

/** The least or greatest of those present. */
export class MinMax implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;
  /** 1 for min, -1 for max. */
  readonly #sign: number;
  readonly #kind: number;

  constructor(field: FieldCode, which: 'min' | 'max') {
    this.#field = field;
    this.#sign = which === 'min' ? 1 : -1;
    this.#kind = comparedAs(field.field.type);
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    if (this.#kind === FLOAT) {
      this.#floats(sources, out);
      return;
    }
    const { slot } = field;
    const { type } = field.field;
    let best = 0;
    let bestBytes: Buffer | undefined;
    for (const { at, bytes } of sources.of(field)) {
      const pos = at[slot]!;
      if (pos === 0) continue;
      if (bestBytes !== undefined) {
        const order =
          this.#kind === BYTES
            ? compareBytesAt(bytes, pos, bestBytes, best)
            : compareIntegers(type, bytes, pos, bestBytes, best);
        if (order * this.#sign >= 0) continue;
      }
      best = pos;
      bestBytes = bytes;
    }
    if (bestBytes === undefined) return;
    out.varint(field.tag);
    copyValue(out, type, bestBytes, best);
  }

  // -0 is less than +0 here and NaN is above every number, so that one of two different values is always the least.
  #floats(sources: Sources, out: Writer): void {
    const field = this.#field;
    const { slot } = field;
    const isDouble = field.field.type === 'double';
    const isMin = this.#sign === 1;
    let present = false;
    let best = 0;
    for (const { at, bytes } of sources.of(field)) {
      const pos = at[slot]!;
      if (pos === 0) continue;
      const value = isDouble ? doubleAt(bytes, pos) : floatAt(bytes, pos);
      if (!present) best = value;
      // Math.max hands a NaN on, as it should here; Math.min must not see one. Both order zeros by sign.
      else if (!isMin) best = Math.max(best, value);
      else if (Number.isNaN(best)) best = value;
      else if (!Number.isNaN(value)) best = Math.min(best, value);
      present = true;
    }
    if (!present) return;
    out.varint(field.tag);
    if (isDouble) out.double(best);
    else out.float(best);
  }
}
