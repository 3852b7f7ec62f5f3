import type { Fault } from './fault.ts';
import { ordered } from './ordered.ts';

export interface StragglerOptions {
  /** 0.01: one task in a hundred. */
  readonly share: number;
  /** Least and most, evenly between. */
  readonly extraMs: readonly [number, number];
  readonly seed: number;
  readonly shards?: readonly number[];
}

/** A share of the tasks takes longer by a random time. Which ones depends on seed, request, shard and replica alone. */
export function stragglers(options: StragglerOptions): Fault {
  const [least, most] = options.extraMs;
  const label = `${options.share * 100} % stragglers, +${least}–${most} ms`;
  return ordered(label, 'late', { kind: 'stragglers', ...options });
}
