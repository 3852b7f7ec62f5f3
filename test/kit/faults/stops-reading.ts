import type { Fault } from './fault.ts';
import { proxied } from './proxied.ts';

/** The worker's end of every connection reads no more, and everything that is sent to it piles up at the sender. */
export function stopsReading(): Fault {
  return proxied('stops reading', 'gone', 'stops-reading');
}
