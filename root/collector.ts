/** What a scatter hands what came to: gather for unary answers, the client's stream for streaming ones. */
import type { Attempt } from './attempt.ts';

/** What becomes of the payloads, and of the end. */
export interface Collector {
  /**
   * Takes what came. Throws RegatherError if it isn't what it should be: its shards then fail with that.
   * A streaming collector forwards and calls `LeafHandle.grant` itself.
   */
  part(attempt: Attempt, shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): void;
  /** The shard is a root itself, and this is its own regather.v1.Coverage. Before the task's part, or its end. Throws RegatherError as `part` does. */
  below(shard: number, coverage: Uint8Array): void;
  /** The task ended well. Streaming: its items are whole. */
  ended(shard: number): void;
  /** The answer has the task. */
  has(shard: number): boolean;
  /** Every task is in. */
  readonly complete: boolean;
  /** Nothing of the task was handed on, so that another replica may begin again. */
  restartable(shard: number): boolean;
  /** What it sent waits for the client to read it: how long it takes is no fault of its worker. */
  isHeldUp(attempt: Attempt): boolean;
  /** No attempt works on the task any more, and none will. */
  lost(shard: number): void;
  /**
   * Where the answer may be partial, asked after every change: when what is in will do, on the clock. -Infinity: at once;
   * Infinity: all that comes until the deadline is wanted.
   */
  enoughAt(now: number): number;
  /**
   * Exactly once: no task is open any more, or time is up, or enough is in, or the client left. Nothing is called afterwards.
   */
  finished(why: FinishReason): void;
}

/** `in_vain`: a task was turned away wherever it could have gone, and nothing will do without it. */
export type FinishReason = 'settled' | 'deadline' | 'enough' | 'in_vain' | 'cancelled';
