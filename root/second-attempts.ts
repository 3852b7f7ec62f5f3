/** Which tasks are asked of another replica: those that are slow, as hedges, and those that failed, as retries; and why the others aren't. */
import type { TaskFailure } from '../shared/link/leaf-call.ts';
import type { WithheldReason } from '../shared/metrics/root-tail.ts';
import type { Due } from './hedge-rounds.ts';
import { mayRetry } from './replicas/outcome.ts';
import type { Replica } from './replicas/replica-set.ts';
import type { ScatterOptions } from './scatter-options.ts';
import type { TaskState } from './task-state.ts';

type Options = Pick<ScatterOptions, 'plan' | 'replicas' | 'policy' | 'tail'>;

export interface SlowTask {
  readonly due: Due;
  /** Where it is asked now; else why it is left alone. */
  readonly to: Replica | WithheldReason;
}

/**
 * What is asked elsewhere is paid for, and has to count as load there before the next one is taken from here: or the tasks of one that stands still would
 * all go to the same other.
 */
export function* chooseHedges(
  slow: readonly Due[],
  { replicas, tail }: Options,
  stateOf: (shard: number) => TaskState | undefined,
  now: number,
): Generator<SlowTask, void> {
  const placeOf = ({ attempt, task }: Due): Replica | undefined => {
    const tried = stateOf(task.shard)?.tried ?? [attempt.share.worker];
    return replicas.another(task.shard, tried, 'hedge', tail.wanted(now));
  };
  for (const due of slow) {
    // One that can't be asked elsewhere, because its shard hangs everywhere, says nothing of the others.
    if (placeOf(due) !== undefined) tail.hedging.outlived(due.from, due.step, now);
  }
  for (const due of slow) {
    const replica = placeOf(due);
    if (replica === undefined) yield { due, to: 'no_replica' };
    else yield { due, to: tail.refusalOf(replica, due.step, due.attempt.beyondMs(now), now) ?? replica };
  }
}

/** Once, at once, elsewhere; paid for unless the failed attempt never started. Undefined: it isn't tried again. */
export function chooseRetry(
  failure: TaskFailure,
  state: TaskState,
  { plan, replicas, policy, tail }: Options,
  now: number,
): Replica | undefined {
  if (!policy.retry.enabled || !mayRetry(plan.method, failure, state.retries)) return undefined;
  const replica = replicas.another(failure.shard, state.tried, 'retry', tail.wanted(now));
  if (replica === undefined) {
    tail.metrics.notRetried.no_replica.inc();
    return undefined;
  }
  if (failure.notStarted) return replica;
  if (!tail.budget.take('retry')) {
    tail.metrics.notRetried.budget.inc();
    return undefined;
  }
  state.retries++;
  return replica;
}
