/** The whole thing in one process: a root and workers over real sockets, on a partition of some source. */
import { fileURLToPath } from 'node:url';
import { FlightsClient } from '../../examples/flights/client.ts';
import type { FlightsHandlers } from '../../examples/flights/messages.ts';
import { openShard } from '../../examples/flights/open-shard.ts';
import { partition } from '../../examples/flights/partition.ts';
import { createRoot } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { isReady } from '../kit/cluster.ts';

export interface Cluster {
  readonly client: FlightsClient;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly source: string;
  readonly folder: string;
  readonly shards: number;
  /** Which shards each worker has. */
  readonly placement: readonly (readonly number[])[];
  /** `false`: workers are called through their plain methods. */
  readonly links?: boolean;
}

const proto = fileURLToPath(new URL('../../examples/flights/flights.proto', import.meta.url));
const name = 'flights.v1.Flights';

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { source, folder, shards } = options;
  await partition({ source, folder, shards });
  const log = createLogger({ level: 'error' });
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.toReversed()) await end();
  };
  try {
    const workers = await Promise.all(
      options.placement.map(async (hosted, at) => {
        const worker = createWorker<FlightsHandlers>({
          service: { proto, name },
          shards: [...hosted],
          shardCount: shards,
          listen: '127.0.0.1:0',
          signals: false,
          log,
          open: (shard) => openShard(shard.index, shard.count, { folder }),
        });
        stops.push(() => worker.stop());
        const { address } = await worker.start();
        return { id: `w${at}`, address, shards: hosted, weight: 1 };
      }),
    );
    const plan = compilePlan(loadDescriptors({ proto }), name);
    const root = createRoot({
      plan,
      topology: staticTopology({ epoch: 1, shardCount: shards, virtualShards: 4096, workers }),
      listen: '127.0.0.1:0',
      // Everything is in this one process, the truth too.
      silenceMs: 10_000,
      log,
      ...(options.links === undefined ? {} : { links: options.links }),
    });
    stops.push(() => root.stop());
    const { address } = await root.start();
    await isReady(root);
    const client = new FlightsClient(address);
    stops.push(async () => client.close());
    await client.ready(10_000);
    return { client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
