/** What trailers say: coverage and status details, read by the descriptors that this package ships. */
import type { Metadata } from '@grpc/grpc-js';
import { LEN, skipValue, tagEnd, varintLow } from '../../shared/wire/reader.ts';
import { readScalar } from '../../shared/wire/scalar.ts';
import { decodeJson, type Json } from '../json/decode.ts';
import type { JsonTypes } from '../json/types.ts';
import { decodeOwn } from './own-messages.ts';

/** regather.v1.Coverage as proto3 JSON. */
export interface CoverageJson {
  readonly expected?: number;
  readonly answered?: number;
  readonly missing?: readonly {
    readonly cause?: string;
    readonly count?: number;
    readonly shards?: readonly { readonly first?: number; readonly last?: number }[];
    readonly detail?: string;
    readonly attempts?: number;
  }[];
  readonly epoch?: string;
  readonly truncated?: boolean;
  readonly expectedDocuments?: string;
  readonly answeredDocuments?: string;
}

function decodeCoverage(bytes: Uint8Array): CoverageJson {
  return decodeOwn('coverage.proto', 'regather.v1.Coverage', bytes) as CoverageJson;
}

export function coverageOf(trailers: Metadata): CoverageJson | undefined {
  const [bytes] = trailers.get('regather-coverage-bin');
  return Buffer.isBuffer(bytes) ? decodeCoverage(bytes) : undefined;
}

/** "6 of 8 shards, 750 of 1000 documents, missing 2 (TIMEOUT: 3-4: shard 3 …), epoch 7" */
export function coverageText(coverage: CoverageJson): string {
  const { expected = 0, answered = 0, missing = [], epoch = '0', truncated = false } = coverage;
  const parts = [`${answered} of ${expected} shard${expected === 1 ? '' : 's'}`];
  const { expectedDocuments, answeredDocuments = '0' } = coverage;
  if (expectedDocuments !== undefined) parts.push(`${answeredDocuments} of ${expectedDocuments} documents`);
  for (const { cause = 'CAUSE_UNSPECIFIED', count = 0, shards = [], detail, attempts = 0 } of missing) {
    const ranges = shards.map(({ first = 0, last = 0 }) =>
      first === last ? `${first}` : `${first}-${last}`,
    );
    const which = ranges.length === 0 ? `${count} shards` : `shard ${ranges.join(', ')}`;
    const why = detail === undefined ? '' : `: ${detail}`;
    parts.push(`missing ${which} (${cause}, ${attempts} attempt${attempts === 1 ? '' : 's'}${why})`);
  }
  parts.push(`epoch ${epoch}`);
  if (truncated) parts.push('truncated');
  return parts.join(', ');
}

/** The details of a failure's google.rpc.Status: each with its type, decoded where it is a coverage or one of `known`. */
export function detailsOf(trailers: Metadata, known: JsonTypes): Json[] {
  const [status] = trailers.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(status)) return [];
  return lengthDelimited(status, 3).map((any): Json => {
    const url = lengthDelimited(any, 1)[0]?.toString() ?? '';
    const value = lengthDelimited(any, 2)[0] ?? Buffer.alloc(0);
    const name = url.slice(url.lastIndexOf('/') + 1);
    if (name === 'regather.v1.Coverage') return { '@type': url, ...(decodeCoverage(value) as object) };
    try {
      return { '@type': url, ...(decodeJson(known, known.message(name), value) as object) };
    } catch {
      return { '@type': url, value: value.toString('base64') };
    }
  });
}

function lengthDelimited(bytes: Buffer, number: number): Buffer[] {
  const found: Buffer[] = [];
  let pos = 0;
  while (pos < bytes.length) {
    const start = tagEnd(bytes, pos, bytes.length);
    const tag = varintLow(bytes, pos);
    const end = start < 0 ? -1 : skipValue(bytes, start, bytes.length, tag);
    if (end < 0) break;
    if (tag === number * 8 + LEN) found.push(readScalar('message', bytes, start) as Buffer);
    pos = end;
  }
  return found;
}
