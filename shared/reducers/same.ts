import { RegatherError } from '../errors/errors.ts';
import { type FieldCode, VALUE } from '../merge/code.ts';
import {
  canonicalFloat,
  compareBytesAt,
  comparedAs,
  compareIntegers,
  compareRanges,
  FLOAT,
  INTEGER,
} from '../merge/order.ts';
import type { Scan, Sources } from '../merge/scan.ts';
import { doubleAt, floatAt } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { writeWhole } from './first.ts';
import type { Laws, Reducer } from './reducer.ts';

/**
 * The one that all agree on. Free by its result; the plan keeps it ordered where an error has to name the two shards that
 * disagree.
 */
export class Same implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;

  constructor(field: FieldCode) {
    this.#field = field;
  }

  reduce(sources: Sources, out: Writer): void {
    const field = this.#field;
    let first: Scan | undefined;
    for (const scan of sources.of(field)) {
      if (scan.at[field.slot] === 0) continue;
      if (first === undefined) first = scan;
      else if (!this.#agree(first, scan)) throw disagreement(field.name, first.shard, scan.shard);
    }
    if (first === undefined) return;
    if (comparedAs(field.field.type) !== FLOAT) {
      writeWhole(out, field, first);
      return;
    }
    // All zeros are the same value, and all NaNs: one form of each, or the answer would depend on who comes first.
    const value = floatOf(field, first);
    if (value === 0 && !field.explicit) return;
    out.varint(field.tag);
    if (field.field.type === 'double') out.double(value);
    else out.float(value);
  }

  #agree(a: Scan, b: Scan): boolean {
    const field = this.#field;
    const posA = a.at[field.slot]!;
    const posB = b.at[field.slot]!;
    if (field.scanAs !== VALUE) return sameSpans(field, a, b);
    const { type } = field.field;
    const kind = comparedAs(type);
    if (kind === FLOAT) return Object.is(floatOf(field, a), floatOf(field, b));
    if (kind === INTEGER) return compareIntegers(type, a.bytes, posA, b.bytes, posB) === 0;
    return compareBytesAt(a.bytes, posA, b.bytes, posB) === 0;
  }
}

function floatOf(field: FieldCode, scan: Scan): number {
  const pos = scan.at[field.slot]!;
  const value = field.field.type === 'double' ? doubleAt(scan.bytes, pos) : floatAt(scan.bytes, pos);
  return canonicalFloat(value);
}

/** Compares messages as their occurrences concatenated, which is what would be written. */
function sameSpans(field: FieldCode, a: Scan, b: Scan): boolean {
  const spansA = a.lists[field.slot]!;
  const spansB = b.lists[field.slot]!;
  if (spansA.count === 1 && spansB.count === 1) {
    return (
      compareRanges(a.bytes, spansA.start(0), spansA.end(0), b.bytes, spansB.start(0), spansB.end(0)) === 0
    );
  }
  return concatenated(field, a).equals(concatenated(field, b));
}

export function concatenated(field: FieldCode, scan: Scan): Buffer {
  const spans = scan.lists[field.slot]!;
  const pieces: Buffer[] = [];
  for (let i = 0; i < spans.count; i++) pieces.push(scan.bytes.subarray(spans.start(i), spans.end(i)));
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

export function disagreement(name: string, a: number, b: number): RegatherError {
  return new RegatherError(
    'MERGE_DISAGREEMENT',
    `Expected all shards to agree on ${name}, got different values from shard ${a} and shard ${b}`,
    { field: name, shards: [a, b] },
  );
}
