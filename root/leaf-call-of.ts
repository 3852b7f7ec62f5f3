import type { LeafCall } from '../shared/link/leaf-call.ts';
import type { Attempt } from './attempt.ts';
import type { ScatterOptions } from './scatter-options.ts';

/** What an attempt asks its worker. `flushAfterMs`: then it sends what is ready; 0: when all is. */
export function leafCallOf(options: ScatterOptions, attempt: Attempt, flushAfterMs: number): LeafCall {
  const { plan, metadata, deadline, priority, replicas, trace, minCoverage } = options;
  const { method } = plan;
  return {
    method: method.leaf.name,
    payload: plan.payload,
    tasks: attempt.share.tasks,
    streaming: method.kind === 'server-streaming',
    deadline,
    flushAfterMs,
    // Another worker has its tasks as well.
    apart: attempt.kind === 'hedge' || attempt.beside,
    priority,
    epoch: replicas.topology.epoch,
    metadata: trace === undefined ? metadata : trace.began(attempt, metadata),
    maxPartBytes: method.maxAnswerBytes,
    ...(minCoverage === undefined ? {} : { minCoverage }),
  };
}
