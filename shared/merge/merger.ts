/**
 * What a method's merge looks like to those who use it: the root's gather and the workers' combine. The implementation is
 * compiled from the plan once per method and works on wire bytes.
 */
import type { SortKey } from '../schema/plan.ts';

/** A resolved limit and offset. `limit` is Infinity where everything is wanted. */
export interface Window {
  readonly offset: number;
  readonly limit: number;
}

/** What a merge needs to know of the request. */
export interface MergeContext {
  /** One per `MethodPlan.windows`. */
  readonly windows: readonly Window[];
  /** One per `MethodPlan.orders`; undefined: the order declared in the .proto. */
  readonly orders: readonly (readonly SortKey[] | undefined)[];
  /** SPLIT: for every asked position, whose shard it is, which item of that shard's request, and the key. */
  readonly asked?: readonly AskedKey[];
  /**
   * The outermost root: offsets, group order and limits are applied, averages computed, internal fields left out.
   * Otherwise the result is a partial for whoever merges next.
   */
  readonly final: boolean;
}

export interface AskedKey {
  readonly shard: number;
  /** Position among the keys that this shard was sent. */
  readonly index: number;
  /** What it hashes as: the string's or bytes' bytes, or 8 bytes little-endian. */
  readonly key: Uint8Array;
}

/** One or more shards' partial, scanned and found valid; keeps references into the bytes. */
export interface Part {
  /** Ascending. */
  readonly shards: readonly number[];
}

export interface Combined {
  readonly data: Uint8Array;
  /** As in `Chunk.segment_bytes`. */
  readonly segmentBytes: readonly number[];
}

export interface Merged {
  readonly payload: Uint8Array;
  /** Occurrences of fields that the schema doesn't know, in merged messages (not in copied items). */
  readonly unknownFields: number;
}

export interface Merger {
  /**
   * Scans what came for `shards`. `segmentBytes` as in `Chunk.segment_bytes` (empty: one shard's whole partial, or no ordered fields).
   * Throws RegatherError PARTIAL_MALFORMED, naming the field and the offset; nothing is kept then.
   */
  stage(shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): Part;
  /**
   * Worker: makes one part of its shards' partials. Undefined if they can't be combined without loss (an integer sum that
   * overflows on the way): each then travels on its own. Throws RegatherError PARTIAL_MALFORMED, naming the shard whose partial
   * doesn't decode.
   */
  combine(
    partials: readonly { readonly shard: number; readonly payload: Uint8Array }[],
    context: MergeContext,
  ): Combined | undefined;
  /**
   * Merges parts whose shards are disjoint; their order doesn't matter. Throws RegatherError MERGE_OUT_OF_RANGE (for a sum that doesn't fit,
   * MERGE_DISAGREEMENT (naming the field and shards), or PARTIAL_MALFORMED with the shard where a partial
   * turns out not to be what was asked (align without `by`: wrong number of items).
   */
  merge(parts: readonly Part[], context: MergeContext): Merged;
}
