/** Finish: whether what was gathered is enough, the status if it isn't, and the trailers. */
import { Metadata, status } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { statusNames } from '../shared/errors/status-names.ts';
import { fitMessage, fitUtf8 } from '../shared/errors/trailer-text.ts';
import { Writer } from '../shared/wire/writer.ts';
import {
  type Cause,
  COVERAGE_KEY,
  type Coverage,
  encodeCoverage,
  formatShards,
  type Missing,
  shorten,
} from './coverage.ts';
import type { Minimum } from './minimum.ts';
import type { Scatter } from './scatter.ts';
import { isRpcStatus } from './status-details.ts';

export interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** How long a client should keep away, as gRPC's retry policies read it. */
export function withPushback(failure: Failure, pushbackMs: number): Failure {
  failure.metadata.set('grpc-retry-pushback-ms', String(Math.ceil(pushbackMs)));
  return failure;
}

/**
 * Which cause names the status of an answer that failed: what a shard said of the request comes before what happened on the way,
 * because trying again doesn't help it.
 */
const precedence: readonly Cause[] = [
  'failed',
  'malformed',
  'incomplete',
  'timeout',
  'shed',
  'breaker_open',
  'unavailable',
  'not_awaited',
  'cancelled',
];

const codeOfCause: Record<Cause, number> = {
  failed: status.UNKNOWN,
  malformed: status.INTERNAL,
  incomplete: status.UNAVAILABLE,
  timeout: status.DEADLINE_EXCEEDED,
  shed: status.RESOURCE_EXHAUSTED,
  breaker_open: status.UNAVAILABLE,
  unavailable: status.UNAVAILABLE,
  cancelled: status.CANCELLED,
  not_awaited: status.DEADLINE_EXCEEDED,
};

/** The status of an answer whose coverage is too low. `leaf`: it goes to a root. */
export function coverageFailure(
  minimum: Minimum,
  coverage: Coverage,
  scatter: Scatter,
  leaf: boolean,
): Failure {
  const { missing, expected, answered } = coverage;
  const worst = leading(missing);
  const failure = scatter.failureOf(worst.shard);
  const given = failure?.code ?? codeOfCause[worst.cause];
  const code = given > 0 && given < statusNames.length ? given : status.UNKNOWN;
  // KEY and ANY speak for one shard: its own words are the answer.
  const text =
    expected === 1 && worst.cause === 'failed'
      ? worst.detail
      : `${answered} of ${expected} shards answered${ruleOf(minimum, coverage)}; missing ${formatShards(missing.map(({ shard }) => shard))}: ` +
        `shard ${worst.shard}: ${worst.cause}: ${shorten(worst.detail, 400)}`;
  const failed = failureOf(code, text, coverage, failure?.details);
  if (leaf && triedHere(scatter, missing, worst.cause)) return withPushback(failed, TRIED);
  const pushbackMs = failure?.pushbackMs ?? 0;
  return pushbackMs > 0 ? withPushback(failed, pushbackMs) : failed;
}

/** gRPC's word for "don't try again". A root above is told so of what was tried here, or retries at every level of a tree would multiply. */
const TRIED = -1;

/**
 * A task that is missing has run, and could be tried elsewhere here too; or one was turned away for overload, and what ran beside it would all run
 * again. A shard of which nobody could be asked here is another matter: it wasn't tried, and another root may reach it. Tasks that were stopped because of it
 * aren't why the answer failed.
 */
function triedHere(scatter: Scatter, missing: readonly Missing[], worst: Cause): boolean {
  if (worst === 'shed') return scatter.mayHaveBegun();
  const failed = missing.filter(({ cause }) => cause !== 'cancelled' || cause === worst);
  return scatter.mayHaveBegun(new Set(failed.map(({ shard }) => shard)));
}

function ruleOf({ share, shards }: Minimum, { documents }: Coverage): string {
  const rules: string[] = [];
  if (documents !== undefined && share < 1) {
    rules.push(`${documents.answered} of ${documents.expected} documents`);
  }
  if (shards > 0) rules.push(`quorum is ${shards}`);
  if (share > 0 && share < 1) rules.push(`min_coverage is ${share}`);
  return rules.map((rule) => `, ${rule}`).join('');
}

function leading(missing: readonly Missing[]): Missing {
  let best = missing[0]!;
  for (const candidate of missing) {
    if (precedence.indexOf(candidate.cause) < precedence.indexOf(best.cause)) best = candidate;
  }
  return best;
}

/** What shards answered can't be handed over. `leaf`: it goes to a root, which would have it done all over again. */
export function withheldFailure(error: RegatherError, coverage: Coverage, leaf: boolean): Failure {
  const failure = errorFailure(error, coverage);
  return leaf ? withPushback(failure, TRIED) : failure;
}

export function errorFailure(thrown: unknown, coverage?: Coverage): Failure {
  const error = RegatherError.from(thrown);
  return failureOf(error.grpc, error.message, coverage, undefined);
}

/**
 * How 4 KiB of trailers are shared out, in bytes before base64 makes 4 of 3: the message as it is on the wire; again, shorter, in
 * google.rpc.Status; the coverage, twice; and what a shard said in details of its own where there is room for it.
 */
const MAX_MESSAGE = 1000;
const MAX_STATUS_MESSAGE = 250;
const MAX_COVERAGE = 900;
const MAX_COVERAGES_AND_DETAILS = 1850;
const STATUS_DETAILS_KEY = 'grpc-status-details-bin';
const COVERAGE_TYPE = 'type.googleapis.com/regather.v1.Coverage';

/** With a google.rpc.Status in the details: the shard's own, if any, and the coverage. */
function failureOf(
  code: number,
  message: string,
  coverage: Coverage | undefined,
  shardDetails: Uint8Array | undefined,
): Failure {
  const text = fitMessage(message, MAX_MESSAGE);
  const encoded = coverage === undefined ? undefined : encodeCoverage(coverage, MAX_COVERAGE);
  const room = MAX_COVERAGES_AND_DETAILS - 2 * (encoded?.length ?? 0);
  const metadata = new Metadata();
  const writer = new Writer(512);
  // Of two codes or messages in one google.rpc.Status the last one wins; lists of details join.
  if (shardDetails !== undefined && shardDetails.length <= room && isRpcStatus(shardDetails)) {
    writer.copy(shardDetails, 0, shardDetails.length);
  }
  writer.tag(1, 0);
  writer.varint(code);
  writer.tag(2, 2);
  writer.string(fitUtf8(text, MAX_STATUS_MESSAGE));
  if (encoded !== undefined) {
    metadata.set(COVERAGE_KEY, encoded);
    const any = writer.open(3);
    writer.tag(1, 2);
    writer.string(COVERAGE_TYPE);
    writer.tag(2, 2);
    writer.bytes(encoded);
    writer.close(any);
  }
  metadata.set(STATUS_DETAILS_KEY, writer.finish());
  return { code, details: text, metadata };
}
