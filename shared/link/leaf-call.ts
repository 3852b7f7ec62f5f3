/**
 * The one narrow call that everything at the root wraps: "run these tasks on that worker". Links and plain gRPC implement it;
 * retries, breakers and hedges wrap it.
 */

export interface LeafTask {
  readonly shard: number;
  /** SPLIT: this shard's own request; otherwise the call's. */
  readonly payload?: Uint8Array;
}

/** Metadata that travels with a call: lower-case keys; values are Buffers exactly for keys that end in `-bin`. */
export type LeafMetadata = readonly (readonly [key: string, value: string | Buffer])[];

export interface LeafCall {
  /** Short name of the method: "TopK". */
  readonly method: string;
  readonly payload: Uint8Array;
  /** Ascending by shard, without duplicates, never empty. */
  readonly tasks: readonly LeafTask[];
  readonly streaming: boolean;
  /** On `performance.now()`'s clock, ms. The one who implements the call keeps no timer for it: the caller cancels. */
  readonly deadline: number;
  /** The worker sends what is ready after this long; 0: when all is done. */
  readonly flushAfterMs: number;
  readonly priority: number;
  readonly epoch: number;
  readonly metadata: LeafMetadata;
  /** What the request asks for of a shard that is a root itself; undefined: what its method says. */
  readonly minCoverage?: number;
  /** The largest partial, in bytes. */
  readonly maxPartBytes: number;
  /** Each task's answer comes as a part of its own, as soon as it is ready: another worker was asked for the same. Default false. */
  readonly apart?: boolean;
}

export interface TaskFailure {
  readonly shard: number;
  /** google.rpc.Code, never 0. */
  readonly code: number;
  readonly message: string;
  /** google.rpc.Status, serialized. */
  readonly details?: Uint8Array;
  /** The handler never saw it: may run elsewhere even if it isn't idempotent, and outside the budget. */
  readonly notStarted: boolean;
  /** Don't try there again before so long. 0: no advice; negative: don't try anywhere, it was tried already. */
  readonly pushbackMs: number;
  /**
   * `transport`: the worker couldn't be reached or the connection was lost; counts against the worker. `protocol`: what came broke
   * the contract (malformed, too large, a shard that wasn't asked). `task`: the shard's own status; counts against the replica.
   */
  readonly source: 'transport' | 'protocol' | 'task';
}

export interface LeafEnd {
  /** Tasks that aren't in a part (unary) or failed (streaming). Those of `tasks` not named here are answered. */
  readonly failures: readonly TaskFailure[];
  readonly queueUs: number;
  readonly serviceUs: number;
  /** Tasks that ran or waited on the worker when it answered; -1: it doesn't say. */
  readonly inFlight: number;
}

/** When a part's tasks were at work, as the worker measured. One object for all parts: read it before `part` returns. */
export interface PartTiming {
  /** How long each task waited for its slot, and then ran, in the order of the part's shards. */
  readonly queueUs: readonly number[];
  readonly serviceUs: readonly number[];
  /** From reading the call to writing the part. What it has above a task's own times, the task waited for the others. */
  readonly heldUs: number;
}

export interface LeafSink {
  /**
   * Unary: shards' partial, whole. Streaming: items of the one shard, whole, whose lengths are `segmentBytes`; the call then sends
   * no more than the credit that `LeafHandle.grant` gives back.
   * Shards were asked in this call and, unary, weren't in an earlier part: the implementation checks that. `timing`: unary, and
   * only of workers that tell.
   */
  part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    timing?: PartTiming,
  ): void;
  /**
   * The shard is a root itself, and this is the regather.v1.Coverage of its answer. Before the shard's part, or, streaming, before
   * `end`.
   */
  below?(shard: number, coverage: Uint8Array): void;
  /** Exactly once per call, last, and never from within `run`. After `cancel` too, with CANCELLED for what wasn't answered. */
  end(end: LeafEnd): void;
}

export interface LeafHandle {
  /** The caller wants nothing more; the worker is told to stop. Idempotent. `end` still comes, at once or later. */
  cancel(): void;
  /** Streaming: so many bytes of items were consumed. */
  grant(bytes: number): void;
}

/** A worker as the root sees it, whatever it speaks. */
export interface Upstream {
  run(call: LeafCall, sink: LeafSink): LeafHandle;
}
