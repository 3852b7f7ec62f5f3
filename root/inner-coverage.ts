/**
 * A shard may be a root itself. What its own coverage says counts in place of the one task, so that coverage is never over-reported:
 * expected and answered add up, and what is missing below is missing above, under the number of the shard that it is below.
 */
import {
  asBuffer,
  LEN,
  skipValue,
  tagEnd,
  toNumber,
  VARINT,
  varintHigh,
  varintLow,
} from '../shared/wire/reader.ts';
import { readScalar } from '../shared/wire/scalar.ts';
import { type Cause, type Counts, type Coverage, causeNumbers, type Missing } from './coverage.ts';

export interface InnerCoverage extends Counts {
  readonly missing: readonly {
    readonly cause: Cause;
    readonly count: number;
    readonly detail: string;
    readonly attempts: number;
  }[];
}

const causes = new Map(Object.entries(causeNumbers).map(([cause, number]) => [number, cause as Cause]));

/** Reads a regather.v1.Coverage. Undefined if it doesn't decode or doesn't add up: then it can't be told what is missing. */
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
  const documents = { expected: number(fields.get(6)), answered: number(fields.get(7)) };
  if (
    expected < 1 ||
    counted !== expected ||
    documents.answered < 0 ||
    documents.answered > documents.expected
  ) {
    return undefined;
  }
  return { expected, answered, documents: documents.expected === 0 ? undefined : documents, missing };
}

/**
 * `counts` of this root's tasks, with the answered ones replaced by what is below them. Documents stay in the topology's measure: those
 * of a shard count for the part of it that is covered below.
 */
export function composedCounts(
  counts: Counts,
  below: ReadonlyMap<number, InnerCoverage>,
  has: (shard: number) => boolean,
  documentsOf: readonly number[] | undefined,
): Counts {
  let { expected, answered } = counts;
  let lacking = 0;
  for (const [shard, inner] of below) {
    if (!has(shard)) continue;
    expected += inner.expected - 1;
    answered += inner.answered - 1;
    if (documentsOf !== undefined) lacking += lackingBelow(documentsOf[shard]!, inner.documents ?? inner);
  }
  const { documents } = counts;
  if (documents === undefined) return { expected, answered, documents };
  return {
    expected,
    answered,
    documents: { expected: documents.expected, answered: documents.answered - lacking },
  };
}

/** Of so many documents, in whole numbers: rounded up, for coverage is never over-reported. */
function lackingBelow(documents: number, inner: { expected: number; answered: number }): number {
  if (inner.answered === inner.expected) return 0;
  const lacking = BigInt(documents) * BigInt(inner.expected - inner.answered);
  const whole = BigInt(inner.expected);
  return Number((lacking + whole - 1n) / whole);
}

/** `coverage` of this root's tasks, composed like its counts, with what is missing below. */
export function composed(
  coverage: Coverage,
  below: ReadonlyMap<number, InnerCoverage>,
  documentsOf: readonly number[] | undefined,
): Coverage {
  const missing: Missing[] = [...coverage.missing];
  const lost = new Set(coverage.missing.map(({ shard }) => shard));
  for (const [shard, inner] of below) {
    if (lost.has(shard)) continue;
    for (const { cause, count, detail, attempts } of inner.missing) {
      missing.push({ shard, cause, detail: `below shard ${shard}: ${detail}`, attempts, count });
    }
  }
  missing.sort((a, b) => a.shard - b.shard);
  const counts = composedCounts(coverage, below, (shard) => !lost.has(shard), documentsOf);
  return { ...counts, missing, epoch: coverage.epoch };
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
        wireType === VARINT
          ? toNumber(varintHigh(bytes, start), varintLow(bytes, start))
          : (readScalar('bytes', bytes, start) as Buffer);
      const list = fields.get(tag >>> 3);
      if (list === undefined) fields.set(tag >>> 3, [value]);
      else list.push(value);
    }
    pos = end;
  }
  return fields;
}
