/** What a task's failure says of its replica, and whether the task may be tried again. */
import { status } from '@grpc/grpc-js';
import type { LeafEnd, TaskFailure } from '../../shared/link/leaf-call.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { Attempt } from '../attempt.ts';
import type { Replica } from './replica-set.ts';

/** One retry after an attempt that started; those that didn't start go on as long as there are replicas. */
const MAX_RETRIES = 1;
/** No worker is left alone for longer, whatever it asks for. */
const MAX_PUSHBACK_MS = 60_000;

/** Only what may be done twice, or was never begun, and not where a root below has said that it tried already. */
export function mayRetry(method: MethodPlan, failure: TaskFailure, retries: number): boolean {
  if (failure.pushbackMs < 0) return false;
  if (failure.notStarted) return true;
  if (!method.idempotent || retries >= MAX_RETRIES || failure.source === 'protocol') return false;
  return failure.code === status.UNAVAILABLE || failure.code === status.RESOURCE_EXHAUSTED;
}

/** What the shard says of the request (NOT_FOUND, INVALID_ARGUMENT …): another replica would say the same. */
export function isVerdict({ source, code, notStarted }: TaskFailure): boolean {
  return source === 'task' && !notStarted && !BROKEN.has(code) && !UNTOLD.has(code);
}

export function recordBegin(attempt: Attempt, deadline: number): void {
  const { worker, replicas } = attempt.share;
  worker.breaker.begin(attempt, deadline);
  for (let i = 0; i < replicas.length; i++) replicas[i]!.breaker.begin(attempt, deadline);
}

/** Breakers hear of settled outcomes only: what we cancelled says nothing, what ran into the deadline does. */
export function recordEnd(attempt: Attempt, { failures }: LeafEnd, now: number, streaming: boolean): void {
  const { worker, tasks, replicas } = attempt.share;
  // A stream takes as long as its reader.
  const elapsedMs = streaming ? Number.NaN : now - attempt.startedAt;
  if (failures.length === 0 && !attempt.isFaulty) {
    worker.breaker.success(attempt, elapsedMs);
    for (let i = 0; i < replicas.length; i++) {
      succeeded(replicas[i]!, attempt, elapsedMs);
      tryEnded(replicas[i]!, attempt, true, now);
    }
    return;
  }
  let transport = false;
  let answered = failures.length < tasks.length;
  const failureOf = new Map(failures.map((failure) => [failure.shard, failure]));
  for (const replica of replicas) {
    const failure = failureOf.get(replica.shard);
    if (attempt.failed(replica.shard)) broke(replica, attempt, now);
    else if (failure === undefined) succeeded(replica, attempt, elapsedMs);
    else recordFailure(replica, failure, attempt, now);
    tryEnded(replica, attempt, failure === undefined || isVerdict(failure), now);
    if (failure === undefined) continue;
    if (failure.source === 'transport') transport = true;
    else if (failure.code !== status.CANCELLED) answered = true;
    if (failure.pushbackMs > 0) {
      const pushbackMs = Math.min(MAX_PUSHBACK_MS, failure.pushbackMs);
      worker.load.pushbackUntil = Math.max(worker.load.pushbackUntil, now + pushbackMs);
    }
  }
  if (transport) worker.breaker.failure(attempt);
  else if (answered) worker.breaker.success(attempt, elapsedMs);
  else worker.breaker.neutral(attempt);
}

/** Its own time, without what it waited for others of the call; a probe beside others has but one task, whose answer may come too late to be one. */
function succeeded({ breaker, pace }: Replica, attempt: Attempt, elapsedMs: number): void {
  const own = attempt.beside || Number.isNaN(elapsedMs) ? elapsedMs : pace.latestMs;
  breaker.success(attempt, own);
}

/** Of a stream, and of what failed for no fault of the replica's, its latency has heard nothing. */
function tryEnded({ shard, latency }: Replica, attempt: Attempt, works: boolean, now: number): void {
  if (latency.trying && attempt.kindOf(shard) === 'probe') latency.tryEnded(works, now);
}

/** It failed, or what it sent can't be used, which whoever carried it doesn't know. */
function broke({ breaker, latency }: Replica, attempt: Attempt, now: number): void {
  breaker.failure(attempt);
  latency.failed(now);
}

/** A status that tells of the request (NOT_FOUND, INVALID_ARGUMENT …) is a replica that works. */
function recordFailure(replica: Replica, failure: TaskFailure, attempt: Attempt, now: number): void {
  const { breaker, latency } = replica;
  if (failure.source === 'transport') {
    // The connection's failure is the worker's; but a replica that loses tasks doesn't attract more of them.
    breaker.neutral(attempt);
    if (!failure.notStarted) latency.failed(now);
  } else if (failure.notStarted) {
    breaker.neutral(attempt);
  } else if (failure.source === 'protocol' || BROKEN.has(failure.code)) {
    broke(replica, attempt, now);
  } else if (UNTOLD.has(failure.code)) {
    breaker.neutral(attempt);
    // One that says when to come back is left alone until then, which is enough; what we cancelled says nothing. Any other fails fast.
    if (failure.pushbackMs <= 0 && !attempt.cancelled) latency.failed(now);
  } else {
    // How fast it is to say no is no proof of being fast.
    breaker.success(attempt, Number.NaN);
  }
}

const BROKEN: ReadonlySet<number> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
/** Ours, or of a replica that protects itself: no sign that it is broken. */
const UNTOLD: ReadonlySet<number> = new Set([status.CANCELLED, status.RESOURCE_EXHAUSTED]);
