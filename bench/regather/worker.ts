/** Regather's worker with the same echo shards as the hand-written one. */

import type { Combining } from '../../shard/combine.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { echoProto } from '../echo/codec.ts';
import { echoShard, shardCount } from '../echo/shards.ts';

interface EchoHandlers {
  readonly Echo: (request: Uint8Array) => Uint8Array;
}

export async function startRegatherWorker(shards: readonly number[], combine: Combining): Promise<string> {
  const worker = createWorker<EchoHandlers>({
    service: { proto: echoProto },
    shards,
    shardCount,
    combine,
    // As in the hand-written worker, shards take and give bytes.
    codec: { Echo: { decodeRequest: (bytes) => bytes } },
    open: (shard) => ({ Echo: echoShard(shard.index) }),
    signals: false,
    log: createLogger({ level: 'warn' }),
  });
  return (await worker.start()).address;
}
