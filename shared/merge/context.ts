/** What a request says about the merge of its answer, for the outermost root and for everyone below it. */
import type { MethodPlan, SortKey } from '../schema/plan.ts';
import { WireFault } from '../wire/fault.ts';
import { validateMessage } from '../wire/validate.ts';
import type { MergeContext, Window } from './merger.ts';
import { RequestOrders } from './request-order.ts';
import { RequestWindows } from './request-window.ts';

export interface OuterContext {
  /** `final` is true. */
  readonly context: MergeContext;
  /** The request as shards get it: limits so that they send enough. The same buffer if that changes nothing. */
  readonly leafRequest: Uint8Array;
}

const noWindows: readonly Window[] = Object.freeze([]);
const noOrders: readonly undefined[] = Object.freeze([]);

/** Contexts of requests that say nothing about the merge. */
export const plainOuterContext: MergeContext = Object.freeze({
  windows: noWindows,
  orders: noOrders,
  final: true,
});
export const plainLeafContext: MergeContext = Object.freeze({
  windows: noWindows,
  orders: noOrders,
  final: false,
});

interface Reader {
  readonly windows: RequestWindows | undefined;
  readonly orders: RequestOrders | undefined;
  /** Shards don't order: `MethodPlan.orders.length` × undefined. */
  readonly leafOrders: readonly (readonly SortKey[] | undefined)[];
}

const readers = new WeakMap<MethodPlan, Reader>();

function readerOf(method: MethodPlan): Reader {
  let reader = readers.get(method);
  if (reader === undefined) {
    reader = {
      windows: method.windows.length === 0 ? undefined : new RequestWindows(method),
      orders: method.orders.length === 0 ? undefined : new RequestOrders(method),
      leafOrders: Object.freeze(method.orders.map(() => undefined)),
    };
    readers.set(method, reader);
  }
  return reader;
}

/** Throws RegatherError REQUEST_MALFORMED, naming message, field and offset, unless the bytes are a request of the method. */
export function validateRequest(method: MethodPlan, request: Uint8Array): void {
  try {
    validateMessage(request, 0, request.length, method.request);
  } catch (thrown) {
    if (thrown instanceof WireFault)
      throw thrown.toError('REQUEST_MALFORMED', `the request of ${method.name}`);
    throw thrown;
  }
}

/**
 * The outermost root: the context of the final merge, and the request for the shards. `request` has passed `validateRequest`.
 * Throws RegatherError REQUEST_WINDOW or REQUEST_ORDER.
 */
export function outerContext(method: MethodPlan, request: Uint8Array): OuterContext {
  if (method.windows.length === 0 && method.orders.length === 0)
    return { context: plainOuterContext, leafRequest: request };
  const { windows, orders } = readerOf(method);
  const context: MergeContext = {
    windows: windows === undefined ? noWindows : windows.outer(request),
    orders: orders === undefined ? noOrders : orders.read(request),
    final: true,
  };
  return { context, leafRequest: windows === undefined ? request : windows.rewritten(request) };
}

/**
 * A worker, or a root below a root: limits are taken as they come, and none or 0 means all, since the outermost root has put in
 * what it wants. No orders: they're applied once, in the end. Bytes that aren't a request are REQUEST_MALFORMED, if they need reading.
 */
export function leafContext(method: MethodPlan, leafRequest: Uint8Array): MergeContext {
  if (method.windows.length === 0 && method.orders.length === 0) return plainLeafContext;
  const { windows, leafOrders } = readerOf(method);
  if (windows === undefined) return { windows: noWindows, orders: leafOrders, final: false };
  validateRequest(method, leafRequest);
  return { windows: windows.leaf(leafRequest), orders: leafOrders, final: false };
}
