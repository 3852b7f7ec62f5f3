import type { Fault } from './fault.ts';
import { ordered } from './ordered.ts';

/** Handlers that begin now don't end until it is healed, or their signal is aborted. `shards`: only of those. */
export function hang(shards?: readonly number[]): Fault {
  return ordered('hang', 'gone', { kind: 'hang', shards });
}
