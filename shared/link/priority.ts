/** Which request goes first, as its client says in metadata `regather-priority`: the whole way, through roots and workers. */
import type { Metadata } from '@grpc/grpc-js';
import { RegatherError } from '../errors/errors.ts';

export const PRIORITY_KEY = 'regather-priority';

/** What Call.priority holds on the link: sint32. */
const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;
const WHOLE = /^[+-]?\d{1,10}$/;

/** 0 is what everybody is who doesn't say. Throws RegatherError REQUEST_METADATA. */
export function requestedPriority(metadata: Metadata): number {
  const given = metadata.get(PRIORITY_KEY);
  if (given.length === 0) return 0;
  const text = String(given[0]);
  const priority = Number(text);
  if (given.length === 1 && WHOLE.test(text) && priority >= LEAST && priority <= MOST) return priority;
  throw new RegatherError(
    'REQUEST_METADATA',
    `Expected metadata "${PRIORITY_KEY}" to be one whole number ${LEAST}..${MOST}, got ${JSON.stringify(given.map(String).join(', '))}`,
  );
}
