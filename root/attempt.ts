/**
 * One leaf call of a scatter: an attempt at each of its tasks, on one worker. It notes what it takes to tell afterwards what happened
 * (explain, spans); everything else is the scatter's.
 */
import type { Clock } from '../shared/clock.ts';
import type { LeafEnd, LeafHandle, LeafSink } from '../shared/link/leaf-call.ts';
import type { Share } from './replicas/share.ts';
import type { Scatter } from './scatter.ts';

/** `probe`: the first try of a replica that isn't known, or not known to be well again. */
export type AttemptKind = 'primary' | 'hedge' | 'retry' | 'probe';

/** When one task was answered: kept for explain only. */
export interface TaskAnswer {
  readonly shard: number;
  readonly at: number;
}

export class Attempt implements LeafSink {
  readonly scatter: Scatter;
  readonly kind: AttemptKind;
  readonly share: Share;
  /** On the scatter's clock, ms. */
  readonly startedAt: number;
  /** NaN until it has ended. */
  endedAt = Number.NaN;
  handle: LeafHandle | undefined;
  /** Tasks that it hasn't answered. */
  open: number;
  /** How it ended: for each task an answer, unless a failure names its shard. */
  outcome: LeafEnd | undefined;
  /** Nothing more was wanted of it: a sibling was first, time was up or the client left. */
  cancelled = false;
  /** Undefined unless the scatter is explained. */
  readonly answers: TaskAnswer[] | undefined;

  constructor(scatter: Scatter, kind: AttemptKind, share: Share, startedAt: number, explain: boolean) {
    this.scatter = scatter;
    this.kind = kind;
    this.share = share;
    this.startedAt = startedAt;
    this.open = share.tasks.length;
    this.answers = explain ? [] : undefined;
  }

  get ended(): boolean {
    return this.outcome !== undefined;
  }

  part(shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): void {
    this.scatter.partOf(this, shards, data, segmentBytes);
  }

  below(shard: number, coverage: Uint8Array): void {
    if (!this.scatter.done) this.scatter.collector.below(shard, coverage);
  }

  end(end: LeafEnd): void {
    this.outcome = end;
    this.scatter.endOf(this, end);
  }

  /** Those shards came; `first`: how many of them not from elsewhere before. */
  answered(shards: readonly number[], first: number, clock: Clock): void {
    this.open -= first;
    this.share.worker.load.settled(first);
    if (this.answers === undefined) return;
    const at = clock.now();
    for (const shard of shards) this.answers.push({ shard, at });
  }

  /** Whatever it still works on is of no use. */
  cancel(): void {
    if (this.ended || this.cancelled) return;
    this.cancelled = true;
    this.handle?.cancel();
  }
}
