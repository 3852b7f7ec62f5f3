import type { Placement } from '../echo/placement.ts';

/**
 * Any number of shards on any number of workers: a shard is on one worker with its neighbours, and on others at a distance that no neighbour
 * shares, so that what a worker lacks is made up for by many. None of its replicas is the first: a topology lists them by worker.
 */
export function spread(shardCount: number, workerCount: number, replicas: number): Placement {
  const workers = Array.from({ length: workerCount }, (): number[] => []);
  for (let shard = 0; shard < shardCount; shard++) {
    const first = Math.floor((shard * workerCount) / shardCount);
    const hosts = new Set<number>();
    for (let i = 0; i < Math.min(replicas, workerCount); i++) {
      let host = (first + i * (1 + (shard % 3))) % workerCount;
      while (hosts.has(host)) host = (host + 1) % workerCount;
      hosts.add(host);
    }
    for (const host of hosts) workers[host]!.push(shard);
  }
  return { shardCount, workers };
}
