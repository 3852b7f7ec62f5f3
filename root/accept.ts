/** Accept: what a call brings along besides its message, its deadline and its metadata. */
import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import { LEAF_KEY, leafMetadata } from '../shared/link/leaf-metadata.ts';
import { requestedPriority } from '../shared/link/priority.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import { askedToExplain } from './explain/asked.ts';
import { requestedShare } from './minimum.ts';
import { type MergeTime, reserveMs } from './reserve.ts';

export interface Accepted {
  /** For the shards. */
  readonly metadata: LeafMetadata;
  /** It comes from a root: limits are rewritten already, and the answer is a partial. */
  readonly leaf: boolean;
  readonly priority: number;
  /** When the scatter ends, on `performance.now()`'s clock. */
  readonly deadline: number;
  /** The time that the client or the method allows, for messages. */
  readonly timeoutMs: number;
  /** What share the request asks for, if it asks. */
  readonly minCoverage: number | undefined;
  /** As much explanation is asked for; 0: none. */
  readonly explainBytes: number;
}

/**
 * Deadline: the client's, at most the method's maximum; without one, the method's timeout. Throws RegatherError REQUEST_METADATA.
 */
export function accept(
  call: ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>,
  method: MethodPlan,
  merging: MergeTime,
  now: number,
): Accepted {
  const asked = call.getDeadline();
  let timeoutMs: number;
  if (asked === Number.POSITIVE_INFINITY) timeoutMs = method.timeoutMs;
  else timeoutMs = (typeof asked === 'number' ? asked : asked.getTime()) - Date.now();
  if (method.maxTimeoutMs !== undefined && timeoutMs > method.maxTimeoutMs) timeoutMs = method.maxTimeoutMs;
  const { metadata } = call as { metadata: Metadata };
  const leaf = metadata.get(LEAF_KEY).length > 0;
  const minCoverage = requestedShare(metadata, method, leaf);
  return {
    metadata: leafMetadata(metadata),
    leaf,
    priority: requestedPriority(metadata),
    deadline: now + timeoutMs - reserveMs(merging, timeoutMs, (minCoverage ?? method.minCoverage) < 1, now),
    timeoutMs,
    minCoverage,
    explainBytes: askedToExplain(metadata),
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
