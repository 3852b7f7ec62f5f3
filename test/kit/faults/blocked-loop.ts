import type { Fault } from './fault.ts';
import { ordered } from './ordered.ts';

export interface BlockedLoopOptions {
  readonly forMs: number;
  /** The mean of exponential pauses between blocks, independent of other workers'. Left out: one block, at once. */
  readonly everyMs?: number;
  readonly seed?: number;
}

/** The worker's thread stands still (`Atomics.wait`), as in a long collection or a synchronous computation. */
export function blockedLoop({ forMs, everyMs, seed = 1 }: BlockedLoopOptions): Fault {
  const often = everyMs === undefined ? '' : ` each ${everyMs / 1000} s`;
  return ordered(`loop blocked ${forMs} ms${often}`, 'late', {
    kind: 'block',
    forMs,
    seed,
    ...(everyMs === undefined ? {} : { everyMs }),
  });
}
