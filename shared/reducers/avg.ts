import type { FieldCode } from '../merge/code.ts';
import { canonicalFloat, comparedAs, FLOAT } from '../merge/order.ts';
import type { Sources } from '../merge/scan.ts';
import { tagEnd } from '../wire/reader.ts';
import { readScalar } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';
import { integerAt } from './value.ts';

/** A quotient of two merged fields beside it, computed in the final answer. What comes in is ignored. */
export class Avg implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;
  readonly #sum: FieldCode;
  readonly #count: FieldCode;

  constructor(field: FieldCode, sum: FieldCode, count: FieldCode) {
    this.#field = field;
    this.#sum = sum;
    this.#count = count;
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    if (!run.final) return;
    const count = merged(this.#count, sources, run);
    if (count === 0) return;
    const field = this.#field;
    const quotient = canonicalFloat(merged(this.#sum, sources, run) / count);
    if (quotient === 0 && !field.explicit) return;
    out.varint(field.tag);
    if (field.field.type === 'double') out.double(quotient);
    else out.float(quotient);
  }
}

const scratch = new Writer(64);

/** What the sibling's own reducer makes of it; nothing is 0. */
function merged(sibling: FieldCode, sources: Sources, run: MergeRun): number {
  scratch.reset();
  sibling.reducer.reduce(sources, scratch, run);
  if (scratch.pos === 0) return 0;
  const { type } = sibling.field;
  const at = tagEnd(scratch.buffer, 0, scratch.pos);
  if (comparedAs(type) === FLOAT) return Number(readScalar(type, scratch.buffer, at));
  return Number(integerAt(type, scratch.buffer, at));
}
