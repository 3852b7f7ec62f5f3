/** The methods that a worker serves: their plan, codec, merge and metrics in one object each. */
import type { Merger } from '../shared/merge/merger.ts';
import type { WorkerMethodMetrics } from '../shared/metrics/worker.ts';
import type { MethodPlan, ServicePlan } from '../shared/schema/plan.ts';

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
  readonly metrics: WorkerMethodMetrics;
}

/** Methods that roots call on workers: those served, or the `leaf` that stands in for them. By name. */
export function leafMethods(plan: ServicePlan): Map<string, MethodPlan> {
  const owners = new Map<string, MethodPlan>();
  for (const method of plan.methods) {
    if (method.scatter.to === 'NONE') continue;
    const known = owners.get(method.leaf.name);
    // The merge is declared on the fields of the response, so it is the same for all that share a leaf.
    if (known?.merge === undefined) owners.set(method.leaf.name, method);
  }
  return owners;
}
