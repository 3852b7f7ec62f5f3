/**
 * A shard may be a root itself. What its own coverage says counts in place of the one task, so that coverage is never over-reported:
 * expected and answered add up, and what is missing below is missing above, under the number of the shard that it is below.
 */
import { asBuffer, LEN, skipValue, tagEnd, VARINT, varintLow } from '../shared/wire/reader.ts';
import { readScalar } from '../shared/wire/scalar.ts';
import { type Cause, type Coverage, causeNumbers, type Missing } from './coverage.ts';

export interface InnerCoverage {
  readonly expected: number;
  readonly answered: number;
  readonly missing: readonly {
    readonly cause: Cause;
    readonly count: number;
    readonly detail: string;
    readonly attempts: number;
  }[];
}

const causes = new Map(Object.entries(causeNumbers).map(([cause, number]) => [number, cause as Cause]));

/** Reads a regather.v1.Coverage. Undefined if it doesn't decode or doesn't add up: then it says nothing. */
export function readInnerCoverage(coverage: Uint8Array): InnerCoverage | undefined {
  const fields = fieldsOf(asBuffer(coverage));
  if (fields === undefined) return undefined;
  const expected = number(fields.get(1));
  const answered = number(fields.get(2));
  const missing: InnerCoverage['missing'][number][] = [];
  let counted = answered;
  for (const entry of fields.get(3) ?? []) {
    const inner = typeof entry === 'number' ? undefined : fieldsOf(entry);
    if (inner === undefined) return undefined;
    const detail = inner.get(4)?.at(-1);
    const count = number(inner.get(2));
    counted += count;
    missing.push({
      cause: causes.get(number(inner.get(1))) ?? 'unavailable',
      count,
      detail: detail === undefined ? '' : detail.toString(),
      attempts: number(inner.get(5)),
    });
  }
  return counted === expected ? { expected, answered, missing } : undefined;
}

/** `coverage` of this root's tasks, with the answered ones replaced by what is below them. */
export function composed(coverage: Coverage, below: ReadonlyMap<number, InnerCoverage>): Coverage {
  let { expected, answered } = coverage;
  const missing: Missing[] = [...coverage.missing];
  const lost = new Set(coverage.missing.map(({ shard }) => shard));
  for (const [shard, inner] of below) {
    if (lost.has(shard)) continue;
    expected += inner.expected - 1;
    answered += inner.answered - 1;
    for (const { cause, count, detail, attempts } of inner.missing) {
      missing.push({ shard, cause, detail: `below shard ${shard}: ${detail}`, attempts, count });
    }
  }
  missing.sort((a, b) => a.shard - b.shard);
  return { expected, answered, missing, epoch: coverage.epoch };
}

function number(values: readonly (number | Buffer)[] | undefined): number {
  const last = values?.at(-1);
  return typeof last === 'number' ? last : 0;
}

/** Varints and length-delimited fields by number; others are skipped. */
function fieldsOf(bytes: Buffer): Map<number, (number | Buffer)[]> | undefined {
  const fields = new Map<number, (number | Buffer)[]>();
  for (let pos = 0; pos < bytes.length; ) {
    const start = tagEnd(bytes, pos, bytes.length);
    if (start < 0) return undefined;
    const tag = varintLow(bytes, pos);
    const end = skipValue(bytes, start, bytes.length, tag);
    if (end < 0) return undefined;
    const wireType = tag & 7;
    if (wireType === VARINT || wireType === LEN) {
      const value =
        wireType === VARINT ? varintLow(bytes, start) : (readScalar('bytes', bytes, start) as Buffer);
      const list = fields.get(tag >>> 3);
      if (list === undefined) fields.set(tag >>> 3, [value]);
      else list.push(value);
    }
    pos = end;
  }
  return fields;
}
