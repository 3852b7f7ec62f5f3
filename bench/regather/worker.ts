/** Regather's worker with the same echo shards as the hand-written one. */
import type { Combining } from '../../shard/combine.ts';
import type { Call } from '../../shard/handlers.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import type { Before } from '../echo/before.ts';
import { echoProto } from '../echo/codec.ts';
import { echoShard, requestId } from '../echo/shards.ts';

interface EchoHandlers {
  readonly Echo: (request: Uint8Array, call: Call) => Uint8Array | Promise<Uint8Array>;
}

export interface RegatherWorkerOptions {
  readonly shards: readonly number[];
  readonly shardCount: number;
  readonly listen?: string | undefined;
  readonly combine: Combining;
  /** Execution slots. Left out: Regather's default. */
  readonly slots?: number | undefined;
  /** Left out: shards answer at once. */
  readonly before?: Before | undefined;
}

export async function startRegatherWorker(options: RegatherWorkerOptions): Promise<string> {
  const { shards, shardCount, listen, combine, slots, before } = options;
  const worker = createWorker<EchoHandlers>({
    service: { proto: echoProto },
    shards,
    shardCount,
    listen,
    combine,
    concurrency: slots,
    // As in the hand-written worker, shards take and give bytes.
    codec: { Echo: { decodeRequest: (bytes) => bytes } },
    open: ({ index }) => {
      const answer = echoShard(index);
      if (before === undefined) return { Echo: answer };
      return {
        Echo: (request, call) => {
          const wait = before(requestId(request), index, call);
          return wait === undefined ? answer(request) : wait.then(() => answer(request));
        },
      };
    },
    signals: false,
    log: createLogger({ level: 'warn' }),
  });
  return (await worker.start()).address;
}
