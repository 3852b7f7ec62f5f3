/** Accept: what a call brings along besides its message, its deadline and its metadata. */
import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import { LEAF_KEY, leafMetadata } from '../shared/link/leaf-metadata.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';

/**
 * How long before the client's deadline the root stops waiting. Where a partial answer is allowed it has to be merged and sent in
 * this time; otherwise the root only has to be before grpc-js's own timer, whose status says nothing of the shards.
 */
export const PARTIAL_RESERVE_MS = 5;
export const FULL_RESERVE_MS = 2;

export interface Accepted {
  /** For the shards. */
  readonly metadata: LeafMetadata;
  /** It comes from a root: limits are rewritten already, and the answer is a partial. */
  readonly leaf: boolean;
  /** When the scatter ends, on `performance.now()`'s clock. */
  readonly deadline: number;
  /** The time that the client or the method allows, for messages. */
  readonly timeoutMs: number;
}

/** Deadline: the client's, at most the method's maximum; without one, the method's timeout. */
export function accept(
  call: ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>,
  method: MethodPlan,
  now: number,
): Accepted {
  const asked = call.getDeadline();
  let timeoutMs: number;
  if (asked === Number.POSITIVE_INFINITY) timeoutMs = method.timeoutMs;
  else timeoutMs = (typeof asked === 'number' ? asked : asked.getTime()) - Date.now();
  if (method.maxTimeoutMs !== undefined && timeoutMs > method.maxTimeoutMs) timeoutMs = method.maxTimeoutMs;
  const reserveMs = method.minCoverage < 1 ? PARTIAL_RESERVE_MS : FULL_RESERVE_MS;
  const { metadata } = call as { metadata: Metadata };
  return {
    metadata: leafMetadata(metadata),
    leaf: metadata.get(LEAF_KEY).length > 0,
    deadline: now + timeoutMs - reserveMs,
    timeoutMs,
  };
}

/**
 * grpc-js keeps a timer for the deadline as well, and its bare status overtakes an answer that was handed over in time but isn't
 * written yet. The scatter's timer is enough for a unary call. A private field: without it, both timers run.
 */
export function ownDeadline(call: ServerUnaryCall<Buffer, Buffer>): void {
  const { call: inner } = call as unknown as { call?: { deadlineTimer?: NodeJS.Timeout } };
  if (inner?.deadlineTimer !== undefined) clearTimeout(inner.deadlineTimer);
}
