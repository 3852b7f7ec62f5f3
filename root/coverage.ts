/** Which shards an answer contains, and why the others are missing (G2), within what a trailer can carry. */
import { Metadata } from '@grpc/grpc-js';
import { Writer } from '../shared/wire/writer.ts';

export type Cause =
  | 'timeout'
  | 'unavailable'
  | 'shed'
  | 'breaker_open'
  | 'malformed'
  | 'cancelled'
  | 'incomplete'
  | 'failed'
  | 'not_awaited';

/** Numbers of regather.v1.Cause. */
export const causeNumbers: Record<Cause, number> = {
  timeout: 1,
  unavailable: 2,
  shed: 3,
  breaker_open: 4,
  malformed: 5,
  cancelled: 6,
  incomplete: 7,
  failed: 8,
  not_awaited: 9,
};

export interface Missing {
  readonly shard: number;
  readonly cause: Cause;
  readonly detail: string;
  readonly attempts: number;
  /** How many tasks it stands for: more than one where the shard is a root itself. Default 1. */
  readonly count?: number;
}

/** How much is in an answer. */
export interface Counts {
  /** Tasks. */
  readonly expected: number;
  readonly answered: number;
  /** Where the topology tells them. */
  readonly documents: { readonly expected: number; readonly answered: number } | undefined;
}

const totals = new WeakMap<readonly number[], number>();

/** Of all shards together. */
export function totalDocuments(documents: readonly number[]): number {
  let total = totals.get(documents);
  if (total === undefined) {
    total = documents.reduce((sum, count) => sum + count, 0);
    totals.set(documents, total);
  }
  return total;
}

/** Of all shards but those missing. */
export function documentsWithout(
  documents: readonly number[],
  missing: readonly Missing[],
): NonNullable<Counts['documents']> {
  const expected = totalDocuments(documents);
  let answered = expected;
  for (const { shard } of missing) answered -= documents[shard]!;
  return { expected, answered };
}

/** 0 … 1: of the documents, where there are any, else of the tasks. */
export function shareOf({ expected, answered, documents }: Counts): number {
  if (documents !== undefined && documents.expected > 0) return documents.answered / documents.expected;
  return expected === 0 ? 1 : answered / expected;
}

export interface Coverage extends Counts {
  /** By ascending shard. */
  readonly missing: readonly Missing[];
  readonly epoch: number;
}

/**
 * With status details beside it, what a Python client was seen to take in trailers is between 7 and 12 kB; 4 KiB are promised for both
 * together, and base64 makes 4 bytes of 3.
 */
const MAX_BYTES = 1400;
const MAX_DETAIL = 160;

/** "0-3, 7" */
export function formatShards(shards: readonly number[]): string {
  const ranges = toRanges(shards);
  const shown = ranges.slice(0, 8).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return ranges.length > 8 ? `${shown.join(', ')} and ${ranges.length - 8} more ranges` : shown.join(', ');
}

function toRanges(shards: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const shard of shards) {
    const range = ranges.at(-1);
    if (range?.[1] === shard) continue;
    if (range?.[1] === shard - 1) range[1] = shard;
    else ranges.push([shard, shard]);
  }
  return ranges;
}

/** regather.v1.Coverage, at most `maxBytes` long: details go first, then ranges of each cause from the end; counts never. */
export function encodeCoverage(coverage: Coverage, maxBytes = MAX_BYTES): Buffer {
  const whole = encode(coverage, Number.POSITIVE_INFINITY, true);
  if (whole.length <= maxBytes) return whole;
  // As many ranges per cause as fit. No encoding of a range is shorter than 2 bytes.
  let fits = encode(coverage, Number.POSITIVE_INFINITY, false);
  if (fits.length <= maxBytes) return fits;
  fits = encode(coverage, 0, false);
  for (let low = 1, high = maxBytes >> 1; low <= high; ) {
    const ranges = (low + high) >> 1;
    const bytes = encode(coverage, ranges, false);
    if (bytes.length <= maxBytes) {
      fits = bytes;
      low = ranges + 1;
    } else high = ranges - 1;
  }
  return fits;
}

function encode(coverage: Coverage, maxRanges: number, withDetails: boolean): Buffer {
  const writer = new Writer(256);
  varint(writer, 1, coverage.expected);
  varint(writer, 2, coverage.answered);
  let truncated = !withDetails && coverage.missing.some((missing) => missing.detail !== '');
  const byCause = Map.groupBy(coverage.missing, (missing) => missing.cause);
  const causes = [...byCause.keys()].sort((a, b) => causeNumbers[a] - causeNumbers[b]);
  for (const cause of causes) {
    const list = byCause.get(cause)!;
    const entry = writer.open(3);
    varint(writer, 1, causeNumbers[cause]);
    varint(
      writer,
      2,
      list.reduce((sum, { count = 1 }) => sum + count, 0),
    );
    const ranges = toRanges(list.map((missing) => missing.shard));
    if (ranges.length > maxRanges) truncated = true;
    for (const [first, last] of ranges.slice(0, maxRanges)) {
      const range = writer.open(3);
      varint(writer, 1, first);
      varint(writer, 2, last);
      writer.close(range);
    }
    const { detail } = list[0]!;
    if (withDetails && detail !== '') {
      writer.tag(4, LENGTH_DELIMITED);
      writer.string(shorten(detail));
    }
    varint(
      writer,
      5,
      list.reduce((sum, missing) => sum + missing.attempts, 0),
    );
    writer.close(entry);
  }
  varint(writer, 4, coverage.epoch);
  varint(writer, 5, truncated ? 1 : 0);
  if (coverage.documents !== undefined) {
    varint(writer, 6, coverage.documents.expected);
    varint(writer, 7, coverage.documents.answered);
  }
  return writer.finish();
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function varint(writer: Writer, number: number, value: number): void {
  if (value === 0) return;
  writer.tag(number, VARINT);
  writer.varint64(Math.floor(value / 2 ** 32), value >>> 0);
}

export function shorten(text: string, length = MAX_DETAIL): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

export const COVERAGE_KEY = 'regather-coverage-bin';

/** Trailers of complete answers are all alike: made once per (shards, epoch, documents). */
const complete = new Map<
  number,
  { epoch: number; documents: number | undefined; bytes: Buffer; trailer: Metadata }
>();

/** The trailer and the bytes of a coverage. The Metadata is shared: don't change it. */
export function coverageTrailer(coverage: Coverage): { bytes: Buffer; trailer: Metadata } {
  const whole = coverage.missing.length === 0 && coverage.answered === coverage.expected;
  if (whole) {
    const kept = complete.get(coverage.expected);
    if (kept?.epoch === coverage.epoch && kept.documents === coverage.documents?.expected) return kept;
  }
  const bytes = encodeCoverage(coverage);
  const trailer = new Metadata();
  trailer.set(COVERAGE_KEY, bytes);
  if (whole) {
    const { expected, epoch, documents } = coverage;
    complete.set(expected, { epoch, documents: documents?.expected, bytes, trailer });
  }
  return { bytes, trailer };
}

const answerWriter = new Writer(4096);

/** A response with its coverage appended: the merge dropped what shards had in that field. */
export function withCoverage(payload: Uint8Array, number: number, coverage: Uint8Array): Buffer {
  const writer = answerWriter;
  writer.reset();
  writer.copy(payload, 0, payload.length);
  writer.tag(number, LENGTH_DELIMITED);
  writer.bytes(coverage);
  return writer.finish();
}
