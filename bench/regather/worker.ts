/** Regather's worker with the same echo shards as the hand-written one. */
import type { Combining } from '../../shard/combine.ts';
import type { Call } from '../../shard/handlers.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import type { Before } from '../echo/before.ts';
import { echoProto } from '../echo/codec.ts';
import { echoShard, requestId } from '../echo/shards.ts';

type Echo = (request: Uint8Array, call: Call) => Uint8Array | Promise<Uint8Array>;

interface EchoHandlers {
  readonly Echo: Echo;
  readonly EchoSome: Echo;
}

const asBytes = { decodeRequest: (bytes: Uint8Array): unknown => bytes };

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
    codec: { Echo: asBytes, EchoSome: asBytes },
    open: ({ index }) => {
      const answer = echoShard(index);
      const echo: Echo =
        before === undefined
          ? answer
          : (request, call) => {
              const wait = before(requestId(request), index, call);
              return wait === undefined ? answer(request) : wait.then(() => answer(request));
            };
      return { Echo: echo, EchoSome: echo };
    },
    signals: false,
    log: createLogger({ level: 'warn' }),
  });
  return (await worker.start()).address;
}
