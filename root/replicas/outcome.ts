/** What a task's failure says of its replica, and whether the task may be tried again. */
import { status } from '@grpc/grpc-js';
import type { LeafEnd, TaskFailure } from '../../shared/link/leaf-call.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { Replica } from './replica-set.ts';
import type { Share } from './share.ts';

/** One retry after an attempt that started; those that didn't start go on as long as there are replicas. */
const MAX_RETRIES = 1;

/** Once, at once, elsewhere: only what may be done twice, or was never begun. */
export function mayRetry(method: MethodPlan, failure: TaskFailure, retries: number): boolean {
  if (failure.notStarted) return true;
  if (!method.idempotent || retries >= MAX_RETRIES || failure.source === 'protocol') return false;
  return failure.code === status.UNAVAILABLE || failure.code === status.RESOURCE_EXHAUSTED;
}

export function recordBegin({ worker, replicas }: Share): void {
  worker.breaker.begin();
  for (let i = 0; i < replicas.length; i++) replicas[i]!.breaker.begin();
}

/** Breakers hear of settled outcomes only: what we cancelled says nothing, what ran into the deadline does. */
export function recordEnd({ worker, tasks, replicas }: Share, { failures }: LeafEnd): void {
  if (failures.length === 0) {
    worker.breaker.success();
    for (let i = 0; i < replicas.length; i++) replicas[i]!.breaker.success();
    return;
  }
  let transport = false;
  let answered = failures.length < tasks.length;
  for (const replica of replicas) {
    const failure = failures.find((candidate) => candidate.shard === replica.shard);
    if (failure === undefined) {
      replica.breaker.success();
    } else {
      recordFailure(replica, failure);
      if (failure.source === 'transport') transport = true;
      else if (failure.code !== status.CANCELLED) answered = true;
    }
  }
  if (transport) worker.breaker.failure();
  else if (answered) worker.breaker.success();
  else worker.breaker.neutral();
}

/** The replicas that let the deadline pass failed, though their calls end as cancelled. */
export function recordTimeout({ replicas }: Share, answers: { has(shard: number): boolean }): void {
  for (const replica of replicas) if (!answers.has(replica.shard)) replica.breaker.failure();
}

/** A status that tells of the request (NOT_FOUND, INVALID_ARGUMENT …) is a replica that works. */
function recordFailure(replica: Replica, failure: TaskFailure): void {
  const { breaker } = replica;
  // The connection's failure is the worker's, and what wasn't begun or was cancelled says nothing of the replica.
  if (failure.source === 'transport' || failure.notStarted) breaker.neutral();
  else if (failure.source === 'protocol' || BROKEN.has(failure.code)) breaker.failure();
  else if (UNTOLD.has(failure.code)) breaker.neutral();
  else breaker.success();
}

const BROKEN: ReadonlySet<number> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
/** Ours, or of a replica that protects itself. */
const UNTOLD: ReadonlySet<number> = new Set([status.CANCELLED, status.RESOURCE_EXHAUSTED]);
