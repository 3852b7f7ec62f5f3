/** Which worker of a local cluster hosts which shards. */
import { RegatherError } from '../../shared/errors/errors.ts';

/** By default a shard each, up to four: enough to see a cluster, few enough for a laptop. */
export function defaultWorkers(shardCount: number, replicas: number): number {
  return Math.max(replicas, Math.min(4, shardCount));
}

/**
 * The shards of each worker, ascending: the same for the same numbers, a shard's replicas on distinct workers, as many on each
 * worker as on any other, give or take one. The second replicas of one worker's shards are spread over all the others, so that none of
 * them gets all of its traffic when it is lost.
 */
export function placeShards(shardCount: number, replicas: number, workers: number): number[][] {
  if (replicas > workers) {
    const message = `Expected at least ${replicas} workers for ${replicas} replicas of each shard, got ${workers}`;
    throw new RegatherError('USAGE', message, { field: '--workers' });
  }
  if (workers > shardCount * replicas) {
    const message = `Expected at most ${shardCount * replicas} workers for ${shardCount} shards × ${replicas}, got ${workers}`;
    throw new RegatherError('USAGE', message, { field: '--workers' });
  }
  const placed: number[][] = Array.from({ length: workers }, () => []);
  for (let shard = 0; shard < shardCount; shard++) {
    const first = shard % workers;
    const round = Math.floor(shard / workers);
    placed[first]!.push(shard);
    for (let replica = 1; replica < replicas; replica++) {
      const away = 1 + ((round + replica - 1) % (workers - 1));
      placed[(first + away) % workers]!.push(shard);
    }
  }
  return balance(placed);
}

/** Where shards and workers don't divide, moves shards from the fullest to the emptiest that doesn't host them yet. */
function balance(placed: number[][]): number[][] {
  for (;;) {
    placed.sort((a, b) => b.length - a.length || a[0]! - b[0]!);
    const fullest = placed[0]!;
    const emptiest = placed[placed.length - 1]!;
    if (fullest.length - emptiest.length <= 1) break;
    const at = fullest.findLastIndex((shard) => !emptiest.includes(shard));
    emptiest.push(...fullest.splice(at, 1));
  }
  for (const shards of placed) shards.sort((a, b) => a - b);
  return placed.sort((a, b) => a[0]! - b[0]! || a.length - b.length);
}
