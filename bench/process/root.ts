/** A root process of any arm. An arm's code is loaded only where it runs, or its memory would be in the others' figures. */
import type { ArmSpec } from '../arms.ts';
import type { PlacedWorker } from '../echo/placement.ts';
import type { StartedRoot } from '../regather/root.ts';
import { burnPerRequest } from './burn.ts';
import { serveParent } from './child.ts';

export interface RootSpec {
  readonly arm: ArmSpec;
  readonly workers: readonly PlacedWorker[];
  readonly shardCount: number;
}

async function start({ arm, workers, shardCount }: RootSpec): Promise<StartedRoot> {
  const { root } = arm;
  switch (root.kind) {
    case 'by-hand':
      return { address: await (await import('../peers/by-hand-root.ts')).startByHandRoot(workers) };
    case 'batched':
      return { address: await (await import('../peers/batched-root.ts')).startBatchedRoot(workers) };
    case 'hedged':
      return {
        address: await (await import('../peers/hedged-root.ts')).startHedgedRoot(workers, root.delayMs),
      };
    case 'empty':
      return { address: await (await import('../peers/empty-root.ts')).startEmptyRoot(shardCount) };
    case 'regather':
      return await (await import('../regather/root.ts')).startRegatherRoot(workers, shardCount, root);
  }
}

serveParent({
  start: async (spec: RootSpec) => {
    if (spec.arm.burnUs !== undefined) burnPerRequest(spec.arm.burnUs);
    return await start(spec);
  },
});
