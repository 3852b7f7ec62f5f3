/** Which workers host which shards: an immutable document with a version, and the small interface of those who provide it. */
import type { RegatherError } from '../../shared/errors/errors.ts';

export interface TopologyWorker {
  readonly id: string;
  /** "host:port" or "unix:/path". */
  readonly address: string;
  /** Its admin port, where it is known: only shown, never called. */
  readonly admin?: string;
  /** Ascending, without duplicates. */
  readonly shards: readonly number[];
  readonly zone?: string;
  /** How much of a shard's traffic it takes next to the shard's other replicas. Default 1. */
  readonly weight: number;
}

/** Invariant: every shard 0 … shardCount - 1 is on at least one worker; ids and addresses are unique. */
export interface Topology {
  /** 1 or more. Rises with every change that a provider reports; an answer never mixes two. */
  readonly epoch: number;
  readonly shardCount: number;
  readonly virtualShards: number;
  /** How many documents each shard has, by shard: coverage counts them. Undefined: nobody says. */
  readonly documents?: readonly number[];
  /** By ascending id. */
  readonly workers: readonly TopologyWorker[];
}

export interface TopologyProvider {
  /**
   * Resolves after the first topology was handed to `on`; rejects with a RegatherError if there is none to be had. After that every change
   * goes to `on`; one that can't be used goes to `onError`, and the last good one stays.
   */
  start(on: (topology: Topology) => void, onError: (error: RegatherError) => void): Promise<void>;
  /** Where there is something to read again: reads it now, and rejects with what is wrong with it. */
  reload?(): Promise<void>;
  /** Idempotent. Nothing is called after it. */
  stop(): void;
}
