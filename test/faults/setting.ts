/** What all faults are injected into, and what is kept of each answer. */
import type { Answer } from '../kit/cluster.ts';

export const SHARDS = 8;
/** Of w0 and w1. */
export const TOUCHED: readonly number[] = [0, 1, 2, 3];
/** Of w2 and w3. */
export const UNTOUCHED: readonly number[] = [4, 5, 6, 7];
/** Items of a stream. */
export const PER_SHARD = 20;

export interface Item {
  readonly id: string;
  readonly shard: number;
}

export interface Seen {
  readonly method: string;
  readonly timeoutMs: number;
  readonly answer: Answer;
  /** Asked and answered, on the clock of `performance.now()`. */
  readonly from: number;
  readonly to: number;
  /** Of a stream. */
  readonly items?: readonly Item[];
}
