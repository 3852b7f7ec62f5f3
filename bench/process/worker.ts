/** A worker process, hand-written or Regather's. */
import { serveParent } from './child.ts';

export type WorkerKind = 'by-hand' | 'regather' | 'regather-no-combine';

serveParent({
  start: async ({ kind, shards }: { kind: WorkerKind; shards: readonly number[] }) =>
    kind === 'by-hand'
      ? (await import('../peers/worker.ts')).startWorker(shards)
      : (await import('../regather/worker.ts')).startRegatherWorker(
          shards,
          kind === 'regather' ? 'auto' : 'never',
        ),
});
