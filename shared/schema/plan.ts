/**
 * The checked plan of a service, as data: what `regather check` prints, the root and the workers run by, Hello compares
 * and reflection describes. Built by `compilePlan` from a descriptor set; nothing here reads files or bytes.
 */

/** protobuf's field types, by their .proto names. */
export type FieldType =
  | 'double'
  | 'float'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'enum'
  | 'message'
  | 'group';

/** A place in a .proto file; `line` counts from 1 and is absent in descriptor sets made without source info. */
export interface Place {
  readonly file: string;
  readonly line?: number;
}

export interface FieldShape {
  readonly number: number;
  readonly name: string;
  readonly type: FieldType;
  readonly repeated: boolean;
  /** How a repeated scalar is written; both forms are always read. */
  readonly packed: boolean;
  /** `explicit`: optional, message or oneof member, so that absent differs from 0. Of no meaning if repeated. */
  readonly presence: 'explicit' | 'implicit';
  /** The oneof it is a member of (never a synthetic one). */
  readonly oneof?: string;
  /** Enum, message or group: the full name of its type, without a leading dot. */
  readonly typeName?: string;
  /** Message or group: its fields. A getter, because messages may contain themselves. */
  readonly message?: MessageShape;
  /** The message is a map entry: `repeated` is true, `message` has fields 1 (key) and 2 (value). */
  readonly isMap: boolean;
  readonly place: Place;
}

export interface MessageShape {
  readonly name: string;
  readonly fields: readonly FieldShape[];
}

/** A field reached from a message through singular messages: `filter.id`. Never empty. */
export interface FieldPath {
  readonly text: string;
  readonly fields: readonly FieldShape[];
}

export interface SortKey {
  readonly path: FieldPath;
  readonly descending: boolean;
}

/** Where a `top` or `group` finds its limit and offset in the request. */
export interface WindowSpec {
  readonly limit: FieldPath;
  readonly offset?: FieldPath;
  /** What a limit of 0 or an absent one means; 0: all. */
  readonly defaultLimit: number;
  /** The most that offset + limit may be. */
  readonly maxWindow: number;
  /** `top`: shards are asked for offset + limit from 0. `all` (group): shards are asked without limit and offset. */
  readonly shardsGet: 'window' | 'all';
}

/** A request field (string) whose value, if not empty, replaces the order of a group. */
export interface OrderSpec {
  readonly from: FieldPath;
  /** The message whose fields the order may name. */
  readonly item: MessageShape;
}

export type MergeSpec =
  | { readonly kind: 'sum' | 'min' | 'max' | 'any' | 'all' | 'first' | 'same' | 'concat' }
  | { readonly kind: 'avg'; readonly sum: FieldShape; readonly count: FieldShape }
  | { readonly kind: 'union'; readonly by: readonly FieldPath[] }
  /** `window` is an index into `MethodPlan.windows`; absent: all items, sorted. */
  | { readonly kind: 'top'; readonly by: readonly SortKey[]; readonly window?: number }
  | {
      readonly kind: 'group';
      readonly by: readonly FieldPath[];
      /** Merges of the item's fields; those of the key have `{ kind: 'key' }`. */
      readonly item: MessageMerge;
      readonly order: readonly SortKey[];
      /** Index into `MethodPlan.orders`. */
      readonly orderFrom?: number;
      readonly window?: number;
    }
  /** Part of the key of the group around it: equal in all items that merge. */
  | { readonly kind: 'key' }
  | { readonly kind: 'map'; readonly values: FieldMerge }
  | { readonly kind: 'align'; readonly by?: FieldPath }
  | { readonly kind: 'custom'; readonly name: string; readonly options: string }
  /** A singular message that merges field by field. */
  | { readonly kind: 'message'; readonly merge: MessageMerge }
  /** A singular regather.v1.Coverage: dropped from partials, filled in by the root. */
  | { readonly kind: 'coverage' };

export interface FieldMerge {
  readonly field: FieldShape;
  readonly spec: MergeSpec;
  /**
   * The result is free of grouping and order, so workers may combine it. Ordered fields travel as a segment per shard.
   * A message, group or map is free if everything in it is. Members of a oneof are always ordered.
   */
  readonly free: boolean;
  /** Only in the leaf method's response: merged for the sake of its siblings and left out of the final answer. */
  readonly internal: boolean;
}

export interface MessageMerge {
  readonly shape: MessageShape;
  /** By ascending number; every field of the shape is here. */
  readonly fields: readonly FieldMerge[];
}

export interface KeySpec {
  readonly path: FieldPath;
  /** Strings and bytes hash as their bytes; integers as 8 bytes, little-endian two's complement. */
  readonly hashAs: 'bytes' | 'int64';
}

export type ScatterSpec =
  | { readonly to: 'ALL' | 'ANY' | 'NONE' }
  | { readonly to: 'KEY' | 'SPLIT'; readonly key: KeySpec };

export interface MethodPlan {
  /** "TopK" */
  readonly name: string;
  /** "/acme.search.v1.Search/TopK" */
  readonly path: string;
  readonly kind: 'unary' | 'server-streaming' | 'client-streaming' | 'bidi';
  readonly scatter: ScatterSpec;
  /** `idempotency_level` is NO_SIDE_EFFECTS or IDEMPOTENT: it may be tried again. */
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  readonly maxTimeoutMs?: number;
  /** 0 < … ≤ 1; 0: `quorum` alone is the minimum. Below 1 an answer may be partial. */
  readonly minCoverage: number;
  /** The least that a request may ask for: 0 … `minCoverage`. */
  readonly minCoverageFloor: number;
  /** The answer is handed over when so many shards and `minCoverage` are in it. ALL and SPLIT, unary. */
  readonly quorum?: number;
  readonly maxAnswerBytes: number;
  readonly request: MessageShape;
  readonly response: MessageShape;
  /** The method that shards are called with: this one, or the one named by `leaf`. */
  readonly leaf: { readonly name: string; readonly path: string; readonly response: MessageShape };
  /** ALL and SPLIT. Its shape is `leaf.response`. */
  readonly merge?: MessageMerge;
  /** Fields of type regather.v1.Coverage of the response, which the root fills in (at most one). */
  readonly coverageField?: FieldShape;
  readonly windows: readonly WindowSpec[];
  readonly orders: readonly OrderSpec[];
  readonly place: Place;
}

export interface ServicePlan {
  /** "acme.search.v1.Search" */
  readonly name: string;
  readonly methods: readonly MethodPlan[];
  /** The serialized google.protobuf.FileDescriptorSet with all imports, options included, dependencies first. */
  readonly descriptorSet: Uint8Array;
}
