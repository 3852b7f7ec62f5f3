/** A root process of any arm. */
import { startBatchedRoot } from '../peers/batched-root.ts';
import { startByHandRoot } from '../peers/by-hand-root.ts';
import { startEmptyRoot } from '../peers/empty-root.ts';
import { serveParent } from './child.ts';

const starts: Record<string, (workers: readonly string[]) => Promise<string>> = {
  'by-hand': startByHandRoot,
  batched: startBatchedRoot,
  empty: startEmptyRoot,
};

serveParent({
  start: (body: { arm: string; workers: readonly string[] }) => {
    const start = starts[body.arm];
    if (start === undefined) throw new Error(`No root for arm "${body.arm}"`);
    return start(body.workers);
  },
});
