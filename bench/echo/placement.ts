/** Which worker holds which shards: as a topology says it, known to hand-written roots and to Regather alike. */

export interface PlacedWorker {
  readonly address: string;
  readonly shards: readonly number[];
}

export interface Placement {
  readonly shardCount: number;
  /** Its shards, by worker. */
  readonly workers: readonly (readonly number[])[];
}

/**
 * Neighbouring shards together, in as many groups as there are workers; the replicas of a group are on the workers that follow, so one
 * worker has `replicas` groups.
 */
export function place(shardCount: number, workerCount: number, replicas = 1): Placement {
  if (shardCount % workerCount !== 0) {
    throw new RangeError(`Expected shards in whole groups, got ${shardCount} on ${workerCount} workers`);
  }
  if (replicas > workerCount) {
    throw new RangeError(`Expected a worker for each replica, got ${replicas} of ${workerCount}`);
  }
  const each = shardCount / workerCount;
  const workers = Array.from({ length: workerCount }, (_, worker) =>
    Array.from({ length: replicas }, (_, replica) => (worker - replica + workerCount) % workerCount)
      .flatMap((group) => Array.from({ length: each }, (_, i) => group * each + i))
      .sort((a, b) => a - b),
  );
  return { shardCount, workers };
}

/** The same shards and replicas on fewer workers. */
export function crowded({ shardCount, workers }: Placement, workerCount: number): Placement {
  const replicas = workers.reduce((sum, shards) => sum + shards.length, 0) / shardCount;
  return place(shardCount, Math.min(workerCount, workers.length), replicas);
}
