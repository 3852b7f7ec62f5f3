/** Regather's root as a user starts it: the service's .proto, a topology, and no code. */
import { createRoot } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { echoProto } from '../echo/codec.ts';
import { shardCount, shardsOf } from '../echo/shards.ts';

/** Resolves with its address once every shard has a worker. */
export async function startRegatherRoot(workers: readonly string[], links: boolean): Promise<string> {
  const root = createRoot({
    plan: compilePlan(loadDescriptors({ proto: echoProto }), undefined),
    topology: staticTopology({
      epoch: 1,
      shardCount,
      virtualShards: 4096,
      workers: workers.map((address, worker) => ({
        id: `w${worker}`,
        address,
        shards: shardsOf(worker),
        weight: 1,
      })),
    }),
    listen: '127.0.0.1:0',
    links,
    log: createLogger({ level: 'warn' }),
  });
  const ready = new Promise<void>((resolve) => {
    root.lifecycle.onChange((state) => {
      if (state === 'ready') resolve();
    });
  });
  const { address } = await root.start();
  await ready;
  return address;
}
