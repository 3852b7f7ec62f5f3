import { status } from '@grpc/grpc-js';
import type { Fault } from './fault.ts';
import { ordered } from './ordered.ts';

export interface ErrorStormOptions {
  readonly code: status.UNAVAILABLE | status.RESOURCE_EXHAUSTED | status.INTERNAL;
  /** Of the tasks. Default 1: all. */
  readonly share?: number;
  readonly seed?: number;
  readonly shards?: readonly number[];
}

/** Handlers fail at once with that status, which attracts traffic to a replica that is judged by latency alone. */
export function errorStorm({ code, share = 1, seed = 1, shards }: ErrorStormOptions): Fault {
  const label = `${status[code]} storm${share === 1 ? '' : ` (${share * 100} %)`}`;
  const effect = code === status.RESOURCE_EXHAUSTED ? 'shedding' : 'failing';
  return ordered(label, effect, { kind: 'errors', code, share, seed, shards });
}
