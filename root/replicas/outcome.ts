/** What a task's failure says of its replica, and whether the task may be tried again. */
import { status } from '@grpc/grpc-js';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { Replica } from './replica-set.ts';

/** One retry after an attempt that started; those that didn't start go on as long as there are replicas. */
const MAX_RETRIES = 1;

/** Once, at once, elsewhere: only what may be done twice, or was never begun. */
export function mayRetry(method: MethodPlan, failure: TaskFailure, retries: number): boolean {
  if (failure.notStarted) return true;
  if (!method.idempotent || retries >= MAX_RETRIES || failure.source === 'protocol') return false;
  return failure.code === status.UNAVAILABLE || failure.code === status.RESOURCE_EXHAUSTED;
}

export function recordSuccess(replica: Replica): void {
  replica.breaker.success();
}

/** A status that tells of the request (NOT_FOUND, INVALID_ARGUMENT …) is a replica that works. */
export function recordFailure(replica: Replica, failure: TaskFailure): void {
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
