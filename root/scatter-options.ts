/** What a scatter is given: of its request, and of its root. */
import type { Clock } from '../shared/clock.ts';
import type { LeafEnd, LeafMetadata } from '../shared/link/leaf-call.ts';
import type { AnswerTrace } from './answer-trace.ts';
import type { Attempt, AttemptKind } from './attempt.ts';
import type { RequestPlan } from './plan.ts';
import type { MethodPolicy } from './policy.ts';
import type { MethodTail } from './replicas/method-tail.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import type { Worker } from './replicas/worker.ts';

/** What the owner of all scatters counts. */
export interface ScatterMetrics {
  /** Of one leaf call, so many of one kind. */
  tasksSent(worker: Worker, kind: AttemptKind, tasks: number): void;
  /** `unusable`: of the tasks that are answered, how many with what couldn't be merged. */
  leafCallEnded(attempt: Attempt, end: LeafEnd, unusable: number): void;
}

/** What all scatters of a root share. */
export interface ScatterContext {
  readonly clock: Clock;
  readonly metrics: ScatterMetrics;
}

export interface ScatterOptions {
  readonly plan: RequestPlan;
  readonly replicas: ReplicaSet;
  readonly metadata: LeafMetadata;
  /** On the clock, ms. When the answer is due at the latest, what came is what there is. */
  readonly deadline: number;
  /** Higher goes first, at workers too. */
  readonly priority: number;
  readonly policy: MethodPolicy;
  readonly tail: MethodTail;
  /** The answer may lack shards. */
  readonly partial: boolean;
  /** What share of itself the request asks for, for shards that are roots. */
  readonly minCoverage: number | undefined;
  /** Attempts note when each of their tasks was answered. */
  readonly explain: boolean;
  readonly trace: AnswerTrace | undefined;
}
