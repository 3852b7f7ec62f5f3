/** A request's plan for people and tools: plain JSON, no bytes. */
import type { MergeSpec, MessageMerge, SortKey } from '../../shared/schema/plan.ts';
import type { RequestPlan } from '../plan.ts';

export interface ExplainedPlan {
  readonly method: string;
  /** The method that shards are called with. */
  readonly leafMethod: string;
  readonly scatter: string;
  /** The request field that holds the key or keys. */
  readonly key?: string;
  /** `keys`: how many of the asked keys the shard gets (SPLIT). */
  readonly tasks: readonly {
    readonly shard: number;
    readonly requestBytes: number;
    readonly keys?: number;
  }[];
  /** What one leaf request has, where all get the same. */
  readonly leafRequestBytes: number;
  /** SPLIT: positions in the list, duplicates included. */
  readonly askedKeys?: number;
  /** The answer is for a client; false: a partial for the root above. */
  readonly final: boolean;
  readonly windows: readonly { readonly limit: number | 'all'; readonly offset: number }[];
  /** Orders that the request asks for; null: the declared one. */
  readonly orders: readonly (string | null)[];
  /** Empty for KEY and ANY: nothing merges. */
  readonly reducers: readonly ExplainedReducer[];
}

export interface ExplainedReducer {
  /** "hits", or "stats.total" within a message. */
  readonly field: string;
  readonly merge: string;
  /** Workers combine it; otherwise it travels as a segment per shard. */
  readonly free: boolean;
}

/** Stable: equal plans explain equally. */
export function explainPlan(plan: RequestPlan): ExplainedPlan {
  const { method, tasks, payload, context } = plan;
  const { scatter } = method;
  const { asked } = context;
  let keys: Map<number, number> | undefined;
  if (asked !== undefined) {
    keys = new Map();
    for (const { shard, index } of asked) keys.set(shard, Math.max(keys.get(shard) ?? 0, index + 1));
  }
  const reducers: ExplainedReducer[] = [];
  const merges = scatter.to === 'ALL' || scatter.to === 'SPLIT';
  if (merges && method.merge !== undefined) explainMerge(method.merge, '', reducers);
  return {
    method: method.name,
    leafMethod: method.leaf.name,
    scatter: scatter.to,
    ...(scatter.to === 'KEY' || scatter.to === 'SPLIT' ? { key: scatter.key.path.text } : {}),
    tasks: tasks.map((task) => {
      const requestBytes = (task.payload ?? payload).length;
      return keys === undefined
        ? { shard: task.shard, requestBytes }
        : { shard: task.shard, requestBytes, keys: keys.get(task.shard) ?? 0 };
    }),
    leafRequestBytes: payload.length,
    ...(asked === undefined ? {} : { askedKeys: asked.length }),
    final: context.final,
    windows: context.windows.map(({ limit, offset }) => ({
      limit: Number.isFinite(limit) ? limit : 'all',
      offset,
    })),
    orders: context.orders.map((order) => (order === undefined ? null : orderText(order))),
    reducers,
  };
}

function explainMerge(merge: MessageMerge, prefix: string, into: ExplainedReducer[]): void {
  for (const { field, spec, free } of merge.fields) {
    const name = prefix + field.name;
    if (spec.kind === 'message') explainMerge(spec.merge, `${name}.`, into);
    else into.push({ field: name, merge: mergeText(spec), free });
    if (spec.kind === 'group') explainMerge(spec.item, `${name}.`, into);
  }
}

function mergeText(spec: MergeSpec): string {
  switch (spec.kind) {
    case 'top':
      return `top by ${orderText(spec.by)}`;
    case 'group':
      return `group by ${spec.by.map((path) => path.text).join(', ')}`;
    case 'union':
      return spec.by.length === 0 ? 'union' : `union by ${spec.by.map((path) => path.text).join(', ')}`;
    case 'align':
      return spec.by === undefined ? 'align' : `align by ${spec.by.text}`;
    case 'avg':
      return `avg of ${spec.sum.name} / ${spec.count.name}`;
    case 'map':
      return `map of ${mergeText(spec.values.spec)}`;
    case 'custom':
      return `custom ${spec.name}`;
    default:
      return spec.kind;
  }
}

function orderText(order: readonly SortKey[]): string {
  return order.map(({ path, descending }) => (descending ? `${path.text} desc` : path.text)).join(', ');
}
