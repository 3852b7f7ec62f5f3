/** A root process of any arm. An arm's code is loaded only where it runs, or its memory would be in the others' figures. */
import { serveParent } from './child.ts';

type Start = (workers: readonly string[]) => Promise<string>;

const links: Start = async (workers) =>
  (await import('../regather/root.ts')).startRegatherRoot(workers, true);

const starts: Record<string, Start> = {
  'by-hand': async (workers) => (await import('../peers/by-hand-root.ts')).startByHandRoot(workers),
  batched: async (workers) => (await import('../peers/batched-root.ts')).startBatchedRoot(workers),
  plain: async (workers) => (await import('../regather/root.ts')).startRegatherRoot(workers, false),
  // The difference is in its workers.
  'links-no-combine': links,
  links,
  empty: async () => (await import('../peers/empty-root.ts')).startEmptyRoot(),
};

serveParent({
  start: (body: { arm: string; workers: readonly string[] }) => {
    const start = starts[body.arm];
    if (start === undefined) throw new Error(`No root for arm "${body.arm}"`);
    return start(body.workers);
  },
});
