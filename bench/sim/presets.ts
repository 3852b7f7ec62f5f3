/** What to ask the simulator: clusters, what their tasks take, and what goes wrong. */
import type { PolicyOptions } from '../../root/policy.ts';
import type { Random } from '../load/random.ts';
import type { SimCluster } from './cluster.ts';
import { exponential, logNormal } from './draw.ts';

export interface Preset {
  readonly name: string;
  readonly description: string;
  readonly shards: number;
  /** Each shard counted once, however many replicas it has. */
  readonly shardsPerWorker: number;
  readonly replicas: number;
  readonly slots: number;
  /** Tasks that may wait at a worker. */
  readonly queue: number;
  readonly timeoutMs: number;
  readonly serviceMs: (random: Random) => number;
  /** Of serviceMs, for turning `load` into a rate. */
  readonly meanMs: number;
  /** Of all execution slots, by first attempts. */
  readonly load: number;
  readonly seconds: number;
  /** What clients that get an error ask again, at once. */
  readonly clientRetries: number;
  readonly arms: Readonly<Record<string, PolicyOptions>>;
  /** Schedules what goes wrong, from the beginning. */
  readonly faults?: (cluster: SimCluster, seconds: number, random: Random) => void;
  /** When what goes wrong is over, s: how long until things are as before is measured from then. */
  readonly overAt?: number;
}

const everything: PolicyOptions = {};
const nothing: PolicyOptions = {
  balance: { by: 'turns' },
  hedge: { enabled: false },
  retry: { enabled: false },
  admission: { enabled: false },
};
const withoutHedges: PolicyOptions = { hedge: { enabled: false } };

const steady = (random: Random): number => logNormal(10, 0.2, random);
/** One task in a hundred takes 100–500 ms longer. */
const straggling = (random: Random): number => steady(random) + (random() < 0.01 ? 100 + 400 * random() : 0);

const usual = {
  shards: 64,
  shardsPerWorker: 8,
  replicas: 3,
  slots: 32,
  queue: 1000,
  timeoutMs: 2000,
  serviceMs: steady,
  meanMs: 10.2,
  load: 0.4,
  seconds: 60,
  clientRetries: 0,
};

export const presets: readonly Preset[] = [
  {
    ...usual,
    name: 'stragglers',
    description: 'one task in a hundred takes 100–500 ms longer, on any replica',
    serviceMs: straggling,
    meanMs: 13.2,
    arms: { none: nothing, 'without hedges': withoutHedges, all: everything },
  },
  {
    ...usual,
    name: 'scale',
    description: 'the same stragglers under 10,000 shards',
    shards: 10_000,
    serviceMs: straggling,
    meanMs: 13.2,
    load: 0.3,
    seconds: 12,
    arms: { none: nothing, all: everything },
  },
  {
    ...usual,
    name: 'stalls',
    description: 'every worker stands still for 100 ms, each by itself, every 5 s on average',
    arms: { none: nothing, 'without hedges': withoutHedges, all: everything },
    faults: (cluster, seconds, random) => {
      for (const worker of cluster.workers) {
        for (let at = 0; at < seconds * 1000; at += exponential(1 / 5000, random)) {
          cluster.clock.at(at, () => worker.process.block(100));
        }
      }
    },
  },
  {
    ...usual,
    name: 'correlated',
    description: 'half of the workers stand still for 300 ms at the same time, every 5 s',
    arms: { none: nothing, all: everything },
    faults: (cluster, seconds) => {
      const half = cluster.workers.filter((_, i) => i % 2 === 0);
      for (let at = 2500; at < seconds * 1000; at += 5000) {
        cluster.clock.at(at, () => {
          for (const worker of half) worker.process.block(300);
        });
      }
    },
  },
  {
    ...usual,
    name: 'pauses',
    description:
      'all workers stand still for 40 ms at the same time, about every second, under 1,000 shards and rare stragglers',
    shards: 1000,
    shardsPerWorker: 125,
    slots: 375,
    queue: 4000,
    serviceMs: (random) => logNormal(5, 0.3, random) + (random() < 0.002 ? 100 + 200 * random() : 0),
    meanMs: 5.6,
    load: 0.035,
    arms: { none: nothing, all: everything },
    faults: (cluster, seconds, random) => {
      for (let at = 500; at < seconds * 1000; at += exponential(1 / 1000, random)) {
        cluster.clock.at(at, () => {
          for (const worker of cluster.workers) worker.process.block(40);
        });
      }
    },
  },
  {
    ...usual,
    name: 'one-slow',
    description: 'one worker takes five times as long as the others',
    arms: { none: nothing, 'without hedges': withoutHedges, all: everything },
    faults: (cluster) => {
      cluster.workers[0]!.slowness = 5;
    },
  },
  {
    ...usual,
    name: 'metastable',
    description: 'at 80 % load everything takes four times as long for 5 s; clients ask again when they fail',
    load: 0.8,
    timeoutMs: 200,
    seconds: 40,
    clientRetries: 2,
    arms: {
      none: nothing,
      'unbounded extra work': {
        ...nothing,
        hedge: { enabled: true },
        retry: { enabled: true },
        budget: { ratio: 1, hedges: 1, burst: 1_000_000 },
      },
      all: everything,
    },
    faults: (cluster) => {
      const set = (slowness: number) => (): void => {
        for (const worker of cluster.workers) worker.slowness = slowness;
      };
      cluster.clock.at(15_000, set(4));
      cluster.clock.at(20_000, set(1));
    },
    overAt: 20,
  },
];
