/** A worker of one shard that serves TopK by a handler of the test's own, in this process. */
import type { ExecutionContext } from 'ava';
import type { Handler } from '../../shard/handlers.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import type { RunningWorker } from './cluster.ts';
import type { SearchHandlers } from './search-shard.ts';
import { searchProto } from './search-worker.ts';

const unserved = (): never => {
  throw new Error('not asked');
};

export async function startTopK(
  t: ExecutionContext,
  id: string,
  TopK: Handler<unknown, object>,
): Promise<Pick<RunningWorker, 'id' | 'address' | 'shards'>> {
  const worker = createWorker<SearchHandlers>({
    service: { proto: searchProto },
    log: createLogger({ level: 'silent' }),
    open: () => ({
      TopK: TopK as SearchHandlers['TopK'],
      Some: unserved,
      Count: unserved,
      Get: unserved,
      GetMany: unserved,
      Info: unserved,
      List: unserved,
      ListSome: unserved,
    }),
  });
  t.teardown(() => worker.stop());
  const { address } = await worker.start({ id, signals: false, shards: [0], shardCount: 1 });
  return { id, address, shards: [0] };
}
