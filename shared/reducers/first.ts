import { type FieldCode, VALUE } from '../merge/code.ts';
import type { Scan, Sources } from '../merge/scan.ts';
import { END_GROUP, START_GROUP } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';
import { copyValue, isDefault } from './value.ts';

/** The one present in the lowest-numbered shard. */
export class First implements Reducer {
  readonly laws: Laws = { free: false, neutral: 'absent' };
  readonly #field: FieldCode;

  constructor(field: FieldCode) {
    this.#field = field;
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    for (const scan of sources.of(field)) {
      if (scan.at[field.slot] === 0) continue;
      writeWhole(out, field, scan);
      return;
    }
  }
}

/** Writes what a source has of a singular field: a value, or a message whose occurrences become one. */
export function writeWhole(out: Writer, field: FieldCode, scan: Scan): void {
  const pos = scan.at[field.slot]!;
  if (field.scanAs === VALUE) {
    const { type } = field.field;
    if (!field.explicit && isDefault(type, scan.bytes, pos)) return;
    out.varint(field.tag);
    copyValue(out, type, scan.bytes, pos);
    return;
  }
  out.varint(field.tag);
  const spans = scan.lists[field.slot]!;
  if (field.wireType !== START_GROUP) {
    let length = 0;
    for (let i = 0; i < spans.count; i++) length += spans.end(i) - spans.start(i);
    out.varint(length);
  }
  for (let i = 0; i < spans.count; i++) out.copy(scan.bytes, spans.start(i), spans.end(i));
  if (field.wireType === START_GROUP) out.tag(field.field.number, END_GROUP);
}
