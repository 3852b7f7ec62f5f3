/** A leaf call as the worker sees it. `serveLink` makes one for every Call frame and hands it to `onCall`. */
import type { LeafMetadata, LeafTask, TaskFailure } from './leaf-call.ts';

export interface IncomingCall {
  /** Short name of the method: "TopK". Not checked against the service: an unknown one is the worker's to refuse. */
  readonly method: string;
  /** The request, for every task without one of its own. A view into the received message: valid as long as it is held. */
  readonly payload: Buffer;
  /** Ascending by shard, without duplicates, never empty. Whether the worker serves those shards is its own to check. */
  readonly tasks: readonly LeafTask[];
  /** On `performance.now()`'s clock, ms: the time left when the Call was read. Nothing here keeps a timer for it. */
  readonly deadline: number;
  /** Send the tasks that are ready as a part after this long; 0: when all are done. */
  readonly flushAfterMs: number;
  readonly priority: number;
  readonly epoch: number;
  readonly metadata: LeafMetadata;
  /** The largest part, in bytes. */
  readonly maxPartBytes: number;
  /** Each task's answer has to be a part of its own, sent as soon as it is ready. */
  readonly apart: boolean;
  /** The root's id from its Hello, for fairness and logs. */
  readonly root: string;

  /**
   * Assigned by the worker, during `onCall` or later. Called at most once: the root cancelled the call or the stream was lost. Not called
   * after `end`, nor for a cancel that came before it was assigned: look at `cancelled` then. `end` is still owed.
   */
  onCancel: (() => void) | undefined;
  readonly cancelled: boolean;

  /**
   * Unary: what one or more tasks answer, whole. `shards` ascending, each of them asked and in no earlier part; `segmentBytes` as in
   * `Chunk.segment_bytes` (empty: one shard's whole partial, or no ordered fields). Queued, chunked and held back by credit; `data` is kept
   * by reference until it is written, so it mustn't change. Throws RegatherError PARTIAL_TOO_LARGE, naming both
   * sizes, if `data` is above `maxPartBytes` (the worker then sends a status, or smaller parts), and INTERNAL where the
   * rules above are broken; nothing is queued then. Ignored once cancelled. `queueUs`, `serviceUs`: how long each of them waited for
   * its slot and ran, in the order of `shards`.
   */
  part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    queueUs?: readonly number[],
    serviceUs?: readonly number[],
  ): void;

  /**
   * Streaming: items of one shard, whole, one after the other in `data`, with their lengths. Returns undefined if more may be produced
   * at once, else a promise that resolves when it may, which is also the case once the call is cancelled. Throws as `part` does.
   */
  items(shard: number, data: Uint8Array, itemBytes: readonly number[]): Promise<void> | undefined;

  /**
   * Exactly once, after the last part, also when cancelled (it then frees the call's place). `statuses`: one for every task that
   * is in no part (unary) or that failed (streaming); `source` isn't sent. A task of a unary call that is in neither is
   * reported INTERNAL, or CANCELLED if the call was. A second `end` throws INTERNAL.
   *
   * `queueUs`: the longest that a task waited for a slot; `serviceUs`: the longest that one ran; `inFlight`: tasks that run or wait
   * on this worker, without those that keep nobody else from a slot.
   */
  end(statuses: readonly TaskFailure[], queueUs: number, serviceUs: number, inFlight: number): void;
}
