/** All shards of this worker: opened together, closed together. */
import pLimit from 'p-limit';
import { RegatherError } from '../shared/errors/errors.ts';
import type { Logger } from '../shared/log/logger.ts';
import type { Shard } from './handlers.ts';
import { type HostedShard, openShard, type ShardProgress } from './hosted-shard.ts';
import type { WorkerMethod } from './method.ts';
import type { ShardSet } from './options.ts';

/** Shards that load at once. Loading is disk and network more than CPU, and four of them fill either. */
const openAtOnce = 4;

export class Shards {
  readonly byIndex = new Map<number, HostedShard>();
  readonly count: number;
  readonly #progress = new Map<number, ShardProgress>();
  readonly #abort = new AbortController();
  readonly #log: Logger;
  readonly #now: () => number;
  #opening = false;

  constructor(set: ShardSet, log: Logger, now: () => number) {
    this.count = set.count;
    this.#log = log;
    this.#now = now;
    for (const index of set.shards) {
      this.#progress.set(index, { state: 'waiting', done: 0, what: '', tookMs: 0 });
    }
  }

  /** Rejects with the first failure, and has closed then what had been opened. */
  async open(methods: readonly WorkerMethod[], open: (shard: Shard) => unknown): Promise<void> {
    const limit = pLimit(openAtOnce);
    let failure: unknown;
    this.#opening = true;
    const one = async (index: number, progress: ShardProgress): Promise<void> => {
      const { signal } = this.#abort;
      if (signal.aborted) return;
      const { count } = this;
      try {
        const shard = await openShard({
          index,
          count,
          signal,
          log: this.#log,
          methods,
          progress,
          open,
          now: this.#now,
        });
        this.byIndex.set(index, shard);
      } catch (error) {
        // What others say after they were aborted isn't the reason.
        if (!signal.aborted) failure = error;
        this.abort();
      }
    };
    await Promise.all([...this.#progress].map(([index, progress]) => limit(one, index, progress)));
    this.#opening = false;
    if (!this.#abort.signal.aborted) return;
    await this.close();
    throw (
      failure ?? new RegatherError('CANCELLED', 'The worker was told to stop while its shards were opening')
    );
  }

  /** Tells those that are opening that nobody waits for them; shards that are open hear nothing of it. */
  abort(): void {
    if (this.#opening) this.#abort.abort(new RegatherError('CANCELLED', 'The worker stops'));
  }

  /** Never rejects: a shard that fails to close is logged. Idempotent. */
  async close(): Promise<void> {
    const open = [...this.byIndex.values()];
    this.byIndex.clear();
    await Promise.all(
      open.map(async (shard) => {
        try {
          await shard.close();
        } catch (error) {
          this.#log.error('A shard failed to close', { shard: shard.index, error });
        }
      }),
    );
  }

  indexes(): number[] {
    return [...this.byIndex.keys()].sort((a, b) => a - b);
  }

  status(): object[] {
    return [...this.#progress].map(([shard, progress]) => ({ shard, ...progress }));
  }
}
