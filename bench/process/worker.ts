/** A worker process, hand-written or Regather's. */
import { startWorker } from '../peers/worker.ts';
import { serveParent } from './child.ts';

serveParent({
  start: (body: { kind: string; index: number; shards: readonly number[] }) => startWorker(body.shards),
});
