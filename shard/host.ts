/** What every call of a worker needs of it. */
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/log/logger.ts';
import type { WorkerMetrics } from '../shared/metrics/worker.ts';
import type { Alarms } from './alarms.ts';
import type { Combining } from './combine.ts';
import type { Execution } from './execution.ts';
import type { HostedShard } from './hosted-shard.ts';
import type { WorkerMethod } from './method.ts';

export interface Host {
  readonly clock: Clock;
  readonly log: Logger;
  readonly execution: Execution;
  readonly alarms: Alarms;
  readonly metrics: WorkerMetrics;
  readonly methods: ReadonlyMap<string, WorkerMethod>;
  /** The shards that are open, by index. */
  readonly shards: ReadonlyMap<number, HostedShard>;
  /** How long a handler that was given up may keep its slot. */
  readonly abandonAfterMs: number;
  /** Make one part of several shards' partials. */
  readonly combine: Combining;
  /** No new work is taken. */
  readonly draining: boolean;
  /** A call has begun, or ended: draining waits for the last one. */
  began(): void;
  ended(): void;
}
