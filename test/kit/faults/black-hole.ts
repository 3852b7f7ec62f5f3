import type { Fault } from './fault.ts';
import { proxied } from './proxied.ts';

/** Packets vanish in both directions and no connection is closed, as behind a firewall that dropped its state. */
export function blackHole(): Fault {
  return proxied('black hole', 'gone', 'black-hole');
}
