/** What every answer of a root needs of it. */
import type { Clock } from '../shared/clock.ts';
import type { LoopDelay } from '../shared/loop-delay.ts';
import type { RootMetrics } from '../shared/metrics/root.ts';
import type { Admission } from './admission/admission.ts';
import type { Missing } from './coverage.ts';
import type { GatherMemory } from './gather-memory.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import type { ScatterContext } from './scatter-options.ts';

export interface ServingContext {
  readonly clock: Clock;
  /** How late this root's own event loop is: no extra work while it can't keep up with what it has. */
  readonly loopDelay: LoopDelay;
  readonly metrics: RootMetrics;
  readonly scatter: ScatterContext;
  /** Shared by all answers. */
  readonly memory: GatherMemory;
  readonly admission: Admission;
  /** The set of the current epoch. Throws RegatherError UNAVAILABLE before the first topology. */
  replicas(): ReplicaSet;
  /** ANY: the next shard. */
  readonly pick: () => number;
  /** Counts shards that an answer lacks. */
  missing(missing: readonly Missing[]): void;
}
