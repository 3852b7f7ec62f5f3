/** What a request asks to be explained: metadata `regather-explain`. */
import type { Metadata } from '@grpc/grpc-js';
import { RegatherError } from '../../shared/errors/errors.ts';

export const EXPLAIN_KEY = 'regather-explain';
export const EXPLAIN_TRAILER = 'regather-explain-bin';

/**
 * Beside 4 KiB of coverage and status, and as base64, what a Python client was seen to take in trailers (7 kB) leaves no more. Whoever
 * asks for more knows its own client.
 */
const USUAL_BYTES = 2048;
/** Node's HTTP/2 sends at most 64 KiB of headers. */
const MAX_BYTES = 32 * 1024;
const MIN_BYTES = 256;

/** How many bytes of explanation are asked for; 0: none. Throws RegatherError REQUEST_METADATA. */
export function askedToExplain(metadata: Metadata): number {
  const values = metadata.get(EXPLAIN_KEY);
  if (values.length === 0) return 0;
  const text = String(values[0]);
  const bytes = Number(text);
  if (text === '0') return 0;
  if (text === '1') return USUAL_BYTES;
  if (/^\d+$/.test(text) && bytes >= MIN_BYTES) return Math.min(bytes, MAX_BYTES);
  throw new RegatherError(
    'REQUEST_METADATA',
    `Expected ${EXPLAIN_KEY} to be 0, 1, or a number of bytes from ${MIN_BYTES}, got ${JSON.stringify(text)}`,
  );
}
