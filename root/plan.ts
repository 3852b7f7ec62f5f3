/** A request becomes data: which shards get what, and how their answers merge. Nothing is sent here, and nothing waits. */
import { RegatherError } from '../shared/errors/errors.ts';
import type { LeafTask } from '../shared/link/leaf-call.ts';
import {
  leafContext,
  type OuterContext,
  outerContext,
  plainLeafContext,
  plainOuterContext,
  validateRequest,
} from '../shared/merge/context.ts';
import type { MergeContext } from '../shared/merge/merger.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import { asBuffer } from '../shared/wire/reader.ts';
import { requestKeyOf } from './plan/key.ts';
import { requestSplitOf } from './plan/split.ts';
import { allTasks, oneTask } from './plan/tasks.ts';

export interface RequestPlan {
  readonly method: MethodPlan;
  /** Ascending by shard, without duplicates. Empty only for a SPLIT request without keys, whose answer is an empty merge. */
  readonly tasks: readonly LeafTask[];
  /** The leaf request of tasks without one of their own; empty for SPLIT, where each has its own. */
  readonly payload: Uint8Array;
  readonly context: MergeContext;
}

/** What planning needs to know of the topology. */
export interface PlanTopology {
  readonly epoch: number;
  readonly shardCount: number;
  readonly virtualShards: number;
}

export interface PlanOptions {
  /** The request comes from a root above: its limits are rewritten already, and what it gets is a partial. */
  readonly leaf: boolean;
  /** The shard that an ANY request goes to, 0 … shardCount - 1. */
  readonly pick: () => number;
}

/**
 * Throws RegatherError: REQUEST_MALFORMED for bytes that aren't a request of the method, REQUEST_KEY_EMPTY, REQUEST_WINDOW,
 * REQUEST_ORDER, METHOD_NOT_SERVED for NONE. Keeps references into `request`; never changes it.
 */
export function planRequest(
  method: MethodPlan,
  request: Uint8Array,
  topology: PlanTopology,
  options: PlanOptions,
): RequestPlan {
  const { scatter } = method;
  if (scatter.to === 'NONE') {
    throw new RegatherError('METHOD_NOT_SERVED', `${method.path} isn't served: its scatter is NONE`);
  }
  validateRequest(method, request);
  switch (scatter.to) {
    case 'ALL': {
      const { context, leafRequest } = mergeOf(method, request, options.leaf);
      return { method, tasks: allTasks(topology.shardCount), payload: leafRequest, context };
    }
    case 'SPLIT': {
      const { context, leafRequest } = mergeOf(method, request, options.leaf);
      const { tasks, asked } = requestSplitOf(method, scatter.key).split(asBuffer(leafRequest), topology);
      const { windows, orders, final } = context;
      return { method, tasks, payload: nothing, context: { windows, orders, final, asked } };
    }
    // These don't merge: one shard's answer is the answer, and what the request says of limits is for that shard.
    case 'KEY': {
      const shard = requestKeyOf(method, scatter.key).shard(asBuffer(request), topology);
      return { method, tasks: oneTask(shard), payload: request, context: unmerged(options.leaf) };
    }
    case 'ANY':
      return {
        method,
        tasks: oneTask(options.pick()),
        payload: request,
        context: unmerged(options.leaf),
      };
  }
}

/** What the request and its plan keep: SPLIT copies its keys, and what is beside them for each shard. */
export function requestBytes(request: Uint8Array, { method, tasks, payload }: RequestPlan): number {
  let bytes = request.length;
  if (payload !== request) bytes += payload.length;
  if (method.scatter.to === 'SPLIT') for (const task of tasks) bytes += task.payload!.length;
  return bytes;
}

const nothing = Buffer.alloc(0);

function mergeOf(method: MethodPlan, request: Uint8Array, isLeaf: boolean): OuterContext {
  return isLeaf
    ? { context: leafContext(method, request), leafRequest: request }
    : outerContext(method, request);
}

function unmerged(isLeaf: boolean): MergeContext {
  return isLeaf ? plainLeafContext : plainOuterContext;
}
