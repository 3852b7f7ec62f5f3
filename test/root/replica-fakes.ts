/** Replicas of which the test says how they are, and a set that chooses among them. */
import type { Placement } from '../../bench/echo/placement.ts';
import type { BreakerState } from '../../root/replicas/breaker.ts';
import { Pace } from '../../root/replicas/pace.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import { type Replica, ReplicaSet, type Wanted } from '../../root/replicas/replica-set.ts';
import type { Worker } from '../../root/replicas/worker.ts';
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import { modelWorker } from '../kit/model-worker.ts';
import { random } from '../kit/random.ts';

export interface Fake extends Worker {
  connected: boolean;
  draining: boolean;
  zone: string | undefined;
  weight: number;
  readonly breaker: Worker['breaker'] & { state: BreakerState; allows: boolean };
}

function fakeBreaker(): Fake['breaker'] {
  return { state: 'closed', allows: true } as Fake['breaker'];
}

function fakeWorker(id: string): Fake {
  return modelWorker(id, fakeBreaker(), () => ({ cancel() {}, grant() {} })) as Fake;
}

/** `count` workers, each with all the shards or those of a placement; every replica is known and usual. */
export function setUp(
  count: number,
  { shards = 1, zone, placed }: { shards?: number; zone?: string; placed?: Placement } = {},
) {
  const workers = Array.from({ length: count }, (_, i) => fakeWorker(`w${i}`));
  const replicas = Array.from({ length: shards }, (_, shard) => {
    const on = workers.filter((_, i) => placed === undefined || placed.workers[i]!.includes(shard));
    return on.map((worker): Replica => {
      const latency = new ReplicaLatency();
      for (let i = 0; i < 20; i++) latency.answered(10, 10, 0);
      return { shard, worker, breaker: fakeBreaker(), latency, pace: new Pace() };
    });
  });
  const topology = { epoch: 1, shardCount: shards, virtualShards: 4096, workers: [] };
  const set = new ReplicaSet(topology, replicas, { version: 0 }, { zone, random: random(7) });
  const wanted = {
    by: 'load' as const,
    usualMs: 10,
    now: 0,
    mayProbe: (): boolean => true,
    twice: false,
    streaming: false,
  };
  const tasks: LeafTask[] = Array.from({ length: shards }, (_, shard) => ({ shard }));
  return {
    workers,
    replicas,
    set,
    wanted,
    tasks,
    /** How many of so many requests each worker gets, if each is answered before the next. */
    shareOut(requests: number, over: Partial<Wanted> = {}): number[] {
      const counts = workers.map(() => 0);
      for (let i = 0; i < requests; i++) {
        for (const share of set.assign(tasks, { ...wanted, ...over }).shares) {
          counts[workers.indexOf(share.worker as Fake)]! += share.tasks.length;
          share.worker.load.settled(share.tasks.length);
        }
      }
      return counts;
    },
    /** The workers that one request's tasks go to; they stay in flight. */
    assign(over: Partial<Wanted> = {}) {
      return set.assign(tasks, { ...wanted, ...over });
    },
  };
}
