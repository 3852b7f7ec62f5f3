/** A worker of the search service in a process of its own. Told what to host by its first IPC message; answers with its address. */
import { fileURLToPath } from 'node:url';
import type { WorkerStart } from '../../shard/options.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { counts, held, openSearchShard, type SearchHandlers } from './search-shard.ts';

export const searchProto = fileURLToPath(new URL('search.proto', import.meta.url));

export function searchWorker(start: WorkerStart) {
  return createWorker<SearchHandlers>({
    service: { proto: searchProto },
    open: (shard) => openSearchShard(shard.index),
    log: createLogger({ level: 'error' }),
    // What it answers is small, and combining is to be tested along with the rest.
    combine: 'always',
    ...start,
  });
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('message', async (message: { start?: WorkerStart; counts?: true; release?: true }) => {
    if (message.start !== undefined) process.send!({ started: await searchWorker(message.start).start() });
    if (message.release === true) held.resolve();
    if (message.counts === true) process.send!({ counts });
  });
  process.on('disconnect', () => process.exit(0));
}
