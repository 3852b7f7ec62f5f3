/** Task lists that are the same for every request: made once, frozen, shared. */
import type { LeafTask } from '../../shared/link/leaf-call.ts';

/** More than one only while a topology with another number of shards takes over. */
const keptCounts = 16;
const byCount = new Map<number, readonly LeafTask[]>();
const singles: (readonly LeafTask[])[] = [];

/** One task for the shard. */
export function oneTask(shard: number): readonly LeafTask[] {
  while (singles.length <= shard) singles.push(Object.freeze([Object.freeze({ shard: singles.length })]));
  return singles[shard]!;
}

/** One task for each of the shards 0 … `shardCount` - 1. */
export function allTasks(shardCount: number): readonly LeafTask[] {
  let tasks = byCount.get(shardCount);
  if (tasks === undefined) {
    tasks = Object.freeze(Array.from({ length: shardCount }, (_, shard) => oneTask(shard)[0]!));
    if (byCount.size === keptCounts) byCount.clear();
    byCount.set(shardCount, tasks);
  }
  return tasks;
}
