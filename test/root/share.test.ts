/**
 * A worker names the tasks that failed as they failed, and a root that retried them in that order sent a leaf call whose shards didn't ascend:
 * a protocol error, at which the other worker ended the link with everything on it.
 */
import test from 'ava';
import { WorkerLoad } from '../../root/replicas/load.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import type { Replica } from '../../root/replicas/replica-set.ts';
import { Shares } from '../../root/replicas/share.ts';
import type { Worker } from '../../root/replicas/worker.ts';

test('tasks of a share ascend by shard, in whatever order they were added', (t) => {
  const workerOf = (id: string): Worker => ({ id, load: new WorkerLoad() }) as Worker;
  const worker = workerOf('a');
  const other = workerOf('b');
  const replica = (shard: number, on: Worker): Replica =>
    ({ shard, worker: on, latency: new ReplicaLatency() }) as Replica;
  const method = { now: 0, usualMs: 0, streaming: false };
  const shares = new Shares();
  for (const shard of [5, 1, 3, 4, 0]) shares.add({ shard }, replica(shard, worker), method);
  shares.add({ shard: 2 }, replica(2, other), method);
  t.deepEqual(
    shares.list.map((share) => [share.worker.id, share.tasks.map(({ shard }) => shard)]),
    [
      ['a', [0, 1, 3, 4, 5]],
      ['b', [2]],
    ],
  );
  for (const { tasks, replicas } of shares.list) {
    t.deepEqual(
      tasks.map(({ shard }) => shard),
      replicas.map(({ shard }) => shard),
    );
  }
});
