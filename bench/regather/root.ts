/** Regather's root as a user starts it: the service's .proto, a topology, and no code. */
import type { PolicyOptions } from '../../root/policy.ts';
import { createRoot } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { echoProto } from '../echo/codec.ts';
import type { PlacedWorker } from '../echo/placement.ts';

/** What an arm may turn on and off; left out: as it comes. It travels to the root's process as JSON. */
export interface RegatherArm {
  /** Default true. */
  readonly links?: boolean;
  readonly policy?: PolicyOptions;
  /** An admin port, for scenarios that read its metrics. Default false: the others' RSS is without. */
  readonly admin?: boolean;
}

export interface StartedRoot {
  readonly address: string;
  readonly admin?: string;
}

/** Resolves once every shard has a worker. */
export async function startRegatherRoot(
  workers: readonly PlacedWorker[],
  shardCount: number,
  arm: RegatherArm,
): Promise<StartedRoot> {
  const root = createRoot({
    plan: compilePlan(loadDescriptors({ proto: echoProto }), undefined),
    topology: staticTopology({
      epoch: 1,
      shardCount,
      virtualShards: 4096,
      workers: workers.map(({ address, shards }, worker) => ({
        id: `w${worker}`,
        address,
        shards,
        weight: 1,
      })),
    }),
    listen: '127.0.0.1:0',
    ...(arm.admin === true ? { admin: '127.0.0.1:0' } : {}),
    links: arm.links ?? true,
    ...(arm.policy === undefined ? {} : { policy: arm.policy }),
    log: createLogger({ level: 'error' }),
  });
  const ready = new Promise<void>((resolve) => {
    root.lifecycle.onChange((state) => {
      if (state === 'ready') resolve();
    });
  });
  const started = await root.start();
  await ready;
  return started;
}
