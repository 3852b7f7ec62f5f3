import type { FieldCode } from '../merge/code.ts';
import { mergeMessage, sourcesOf } from '../merge/message.ts';
import type { Scan, Sources } from '../merge/scan.ts';
import { END_GROUP, START_GROUP } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';

/** A singular message that merges field by field. There if any source has it. Free if everything in it is. */
export class Nested implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;

  constructor(field: FieldCode, free: boolean) {
    this.#field = field;
    this.laws = { free, neutral: 'absent' };
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    const field = this.#field;
    const children: Scan[] = [];
    for (const { at, children: all } of sources.of(field)) {
      if (at[field.slot] !== 0) children.push(all[field.slot]!);
    }
    if (children.length === 0) return;
    if (field.wireType === START_GROUP) {
      out.varint(field.tag);
      mergeMessage(field.child!, sourcesOf(children), out, run);
      out.tag(field.field.number, END_GROUP);
      return;
    }
    const start = out.open(field.field.number);
    mergeMessage(field.child!, sourcesOf(children), out, run);
    out.close(start);
  }
}
