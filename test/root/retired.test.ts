/**
 * A worker that left the topology closes when its last call has ended, and told nobody: a request that had been planned before, and was
 * admitted after, met it in choices that were kept, and its answer ended in a TypeError.
 */
import { credentials } from '@grpc/grpc-js';
import test from 'ava';
import { Breaker, BreakerWindow } from '../../root/replicas/breaker.ts';
import { Pace } from '../../root/replicas/pace.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import { type Replica, ReplicaSet } from '../../root/replicas/replica-set.ts';
import { WorkerConnection } from '../../root/upstream/worker-connection.ts';
import { searchPlan } from '../kit/cluster.ts';
import { random } from '../kit/random.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

for (const by of ['load', 'turns'] as const) {
  test(`a retired worker that has closed is asked no more, where replicas are chosen by ${by}`, (t) => {
    const clock = new VirtualClock();
    const window = new BreakerWindow(10_000, clock);
    const availability = { version: 0 };
    const connect = (id: string): WorkerConnection =>
      new WorkerConnection({
        id,
        // Nothing is sent, so nobody connects.
        address: '127.0.0.1:1',
        zone: undefined,
        weight: 1,
        credentials: credentials.createInsecure(),
        workerTls: undefined,
        plan: searchPlan,
        rootId: 'root',
        links: false,
        silenceMs: 1000,
        connectTimeoutMs: 1000,
        breaker: new Breaker(window),
        clock,
        onChange: () => availability.version++,
      });
    const workers = [connect('stays'), connect('leaves')];
    const replicas = workers.map((worker): Replica => {
      const latency = new ReplicaLatency();
      for (let i = 0; i < 20; i++) latency.answered(10, 10, 0);
      return { shard: 0, worker, breaker: new Breaker(window), latency, pace: new Pace() };
    });
    t.teardown(() => {
      for (const worker of workers) worker.close();
      for (const { breaker } of replicas) breaker.close();
      window.close();
    });
    const set = new ReplicaSet(
      { epoch: 1, shardCount: 1, virtualShards: 4096, workers: [] },
      [replicas],
      availability,
      { zone: undefined, random: random(7) },
    );
    const tasks = [{ shard: 0 }];
    const chosen = (): Set<string> => {
      const ids = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const { shares } = set.assign(tasks, {
          by,
          usualMs: 10,
          now: 0,
          mayProbe: () => true,
          twice: true,
          streaming: false,
        });
        for (const { worker } of shares) {
          ids.add(worker.id);
          worker.load.settled(1);
        }
      }
      return ids;
    };
    workers[1]!.inFlight = 1;
    workers[1]!.retire();
    t.deepEqual([...chosen()].sort(), ['leaves', 'stays'], 'until its last call has ended');
    workers[1]!.finished();
    t.false(workers[1]!.connected);
    t.deepEqual([...chosen()], ['stays']);
  });
}
