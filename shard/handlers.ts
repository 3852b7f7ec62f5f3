/** What a worker's author writes: `open` for a shard, and a handler per method. */
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import type { Logger } from '../shared/log/logger.ts';

/** The shard that `open` is asked for. */
export interface Shard {
  /** 0 … count - 1. */
  readonly index: number;
  /** How many shards there are in all, on whatever workers. */
  readonly count: number;
  /** Aborted when the worker is told to stop before everything is open. */
  readonly signal: AbortSignal;
  /** Every line carries the shard's index. */
  readonly log: Logger;
  /** Shown by the admin port while it loads: how much is done, 0 to 1, and in a word or two what is being done. */
  progress(done: number, what?: string): void;
}

/** What a handler is told beside the request. */
export interface Call {
  /** The shard that is asked. */
  readonly shard: number;
  /** Milliseconds left when it is read; Infinity if a plain client set no deadline. Below 0 once it has passed. */
  readonly deadlineMs: number;
  /**
   * Aborted when the root or client leaves, at the deadline, and when the connection is lost; `reason` says which. It is made when
   * it is first read, so a handler that doesn't need it doesn't pay for it (3–10 µs).
   */
  readonly signal: AbortSignal;
  /** What the client sent beside its request, without what starts with `regather-`. */
  readonly metadata: LeafMetadata;
}

/** A unary method. A Uint8Array is an answer that is encoded already and goes out as it is. */
export type Handler<Request, Response> = (
  request: Request,
  call: Call,
) => Response | Uint8Array | Promise<Response | Uint8Array>;

/** A server-streaming method. The iterator's `return` is called when the client leaves or the deadline passes. */
export type StreamHandler<Request, Response> = (
  request: Request,
  call: Call,
) => AsyncIterable<Response | Uint8Array> | Iterable<Response | Uint8Array>;

/** Any handler, for constraints: an interface of `Handler`s and `StreamHandler`s satisfies `HandlersOf<itself>`. */
export type AnyHandler = (request: never, call: Call) => unknown;
export type HandlersOf<H> = { readonly [K in keyof H]: AnyHandler };

/** The handlers of a service whose types nobody has written down. */
export interface UntypedHandlers {
  readonly [method: string]: (request: Readonly<Record<string, unknown>>, call: Call) => unknown;
}

/** What `open` gives back: the handlers, by method name, of that shard. */
export type OpenedShard<H> = H & {
  /** Called once, after the last call has ended. */
  close?(): void | Promise<void>;
};
