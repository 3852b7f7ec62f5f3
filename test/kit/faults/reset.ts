import type { Fault } from './fault.ts';
import { proxied } from './proxied.ts';

/** RST on every connection, old ones and new ones. */
export function reset(): Fault {
  return proxied('RST', 'lost', 'reset');
}
