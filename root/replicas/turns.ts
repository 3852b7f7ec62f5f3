/**
 * Where each shard's list of replicas begins when they take turns. Topologies list replicas by worker: if every list began with its first, the
 * first workers would be asked for most of the shards, and the last for none.
 */
import type { Replica } from './replica-set.ts';
import type { Worker } from './worker.ts';

/** Shards with replicas on the same workers. */
interface Group {
  readonly workers: readonly Worker[];
  readonly shards: number[];
}

/**
 * The lists, rotated so that in every turn each worker has about as many shards as any other. Shards that are on the same workers stay together,
 * because what a request costs is leaf calls, one for each worker. `turns`: how many there are until the first comes again.
 */
export function inTurns(byShard: readonly (readonly Replica[])[], turns: number): (readonly Replica[])[] {
  const rotated = [...byShard];
  /** Shards that each worker has, by turn. */
  const taken = new Map<Worker, number[]>();
  for (const { workers, shards } of groupsOf(byShard)) {
    const places = workers.length;
    for (const worker of workers) if (!taken.has(worker)) taken.set(worker, new Array(turns).fill(0));
    let from = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let first = 0; first < places; first++) {
      let busy = 0;
      for (let turn = 0; turn < turns; turn++) busy += taken.get(workers[(first + turn) % places]!)![turn]!;
      if (busy >= least) continue;
      least = busy;
      from = first;
    }
    for (let turn = 0; turn < turns; turn++)
      taken.get(workers[(from + turn) % places]!)![turn]! += shards.length;
    for (const shard of shards) {
      const list = byShard[shard]!;
      rotated[shard] = [...list.slice(from), ...list.slice(0, from)];
    }
  }
  return rotated;
}

/** The largest first: the small ones fill what is left. */
function groupsOf(byShard: readonly (readonly Replica[])[]): Group[] {
  const groups = new Map<string, Group>();
  byShard.forEach((list, shard) => {
    if (list.length === 0) return;
    const key = JSON.stringify(list.map(({ worker }) => worker.id));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { workers: list.map(({ worker }) => worker), shards: [shard] });
    else group.shards.push(shard);
  });
  return [...groups.values()].sort((a, b) => b.shards.length - a.shards.length);
}
