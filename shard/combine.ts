/** Combining the partials of several shards of one leaf call, with the reducers that the root merges with. */

import { RegatherError } from '../shared/errors/errors.ts';
import { leafContext } from '../shared/merge/context.ts';
import type { Combined } from '../shared/merge/merger.ts';
import type { Host } from './host.ts';
import type { WorkerMethod } from './method.ts';

const combinings = ['auto', 'always', 'never'] as const;
/** `auto`: where it pays. */
export type Combining = (typeof combinings)[number];

/**
 * Combining a call's partials takes a worker some 4 µs, and spares the root well under a microsecond for each partial of a few hundred
 * bytes; from about so many partials, or so many bytes (scanned twice and sent once less), it pays.
 */
const MANY_PARTIALS = 4;
const MANY_BYTES = 4096;

export function worthCombining(combining: Combining, partials: number, bytes: number): boolean {
  if (partials < 2 || combining === 'never') return false;
  return combining === 'always' || partials >= MANY_PARTIALS || bytes >= MANY_BYTES;
}

export interface ShardPartial {
  readonly shard: number;
  readonly payload: Uint8Array;
}

/**
 * Undefined: they travel apart. That is so where combining would lose something (a sum that overflows on the way), and where one doesn't
 * decode: the root then blames that shard alone, and takes the others.
 */
export function combineParts(
  host: Host,
  merge: NonNullable<WorkerMethod['merge']>,
  partials: readonly ShardPartial[],
  request: Uint8Array,
): Combined | undefined {
  const { combines } = host.metrics;
  try {
    const combined = merge.merger.combine(partials, leafContext(merge.plan, request));
    (combined === undefined ? combines.apart : combines.combined).value += 1;
    return combined;
  } catch (error) {
    combines.malformed.value += 1;
    const { code, message } = RegatherError.from(error);
    host.log.warn('Partials that do not combine travel apart', {
      method: merge.plan.name,
      code,
      error: message,
    });
    return undefined;
  }
}
