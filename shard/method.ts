/** The methods that a worker serves: their plan, codec, merge and metrics in one object each. */
import type { Merger } from '../shared/merge/merger.ts';
import type { WorkerMethodMetrics } from '../shared/metrics/worker.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import type { TypicalTime } from './pace.ts';

export interface WorkerMethod {
  /** Position in a shard's `handlers`. */
  readonly index: number;
  /** "TopK" */
  readonly name: string;
  readonly path: string;
  readonly plan: MethodPlan;
  readonly streaming: boolean;
  /** Roots send it, so every shard has a handler for it. Otherwise only direct callers do, and it's the author's choice. */
  readonly required: boolean;
  /** Throws if the bytes aren't the request's type. */
  decode(bytes: Uint8Array): unknown;
  /** Throws if the value isn't the response's type. */
  encode(value: unknown): Uint8Array;
  /** What combines the partials of several shards, and the method whose merge it is: of a `leaf`, the one that names it. */
  readonly merge: { readonly merger: Merger; readonly plan: MethodPlan } | undefined;
  /** Of unary methods: how long a task takes. */
  readonly typical: TypicalTime | undefined;
  readonly metrics: WorkerMethodMetrics;
}
