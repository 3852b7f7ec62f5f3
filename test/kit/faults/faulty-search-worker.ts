/** A worker of the suites' search service that can be told to go wrong, in a process of its own; `search-target.ts` is the other end. */

import type { Call } from '../../../shard/handlers.ts';
import type { WorkerStart } from '../../../shard/options.ts';
import { createWorker, type Worker } from '../../../shard/worker.ts';
import { createLogger } from '../../../shared/log/logger.ts';
import { counts, openSearchShard, type SearchHandlers } from '../search-shard.ts';
import { searchProto } from '../search-worker.ts';
import { numberOf } from './draw.ts';
import { type Order, WorkerFaults, type WorkerFaultsOptions } from './worker-faults.ts';

export interface FaultyStart extends WorkerStart {
  readonly faults: WorkerFaultsOptions;
  /** Another .proto of the service. */
  readonly proto?: string | undefined;
}

export type Ask = { readonly id: number } & (
  | { readonly start: FaultyStart }
  | { readonly order: Order }
  | { readonly tally: true }
  | { readonly counts: true }
  | { readonly status: true }
);
export type Reply = { readonly id: number; readonly reply?: unknown; readonly error?: string };

let faults: WorkerFaults;
let worker: Worker;

function openFaulty(index: number): SearchHandlers {
  const shard = openSearchShard(index);
  const after =
    <Q extends object, A>(handler: (request: Q, call: Call) => A | Promise<A>) =>
    (request: Q, call: Call): A | Promise<A> => {
      const { text, id } = request as { text?: string; id?: string };
      const wait = faults.before(numberOf(text ?? id ?? ''), index, call);
      return wait === undefined ? handler(request, call) : wait.then(() => handler(request, call));
    };
  const afterwards = <Q, A>(handler: (request: Q, call: Call) => AsyncIterable<A> | Iterable<A>) =>
    async function* (request: Q, call: Call): AsyncGenerator<A> {
      await faults.before(0, index, call);
      yield* handler(request, call);
    };
  return {
    TopK: after(shard.TopK),
    Some: after(shard.Some),
    Count: after(shard.Count),
    Get: after(shard.Get),
    GetMany: after(shard.GetMany),
    Info: after(shard.Info),
    List: afterwards(shard.List),
    ListSome: afterwards(shard.ListSome),
  };
}

async function answer(ask: Ask): Promise<unknown> {
  if ('start' in ask) {
    const { faults: options, proto, ...start } = ask.start;
    faults = new WorkerFaults(options);
    worker = createWorker<SearchHandlers>({
      service: { proto: proto ?? searchProto, name: 'acme.search.v1.Search' },
      open: ({ index }) => openFaulty(index),
      log: createLogger({ level: 'error' }),
      ...start,
    });
    return (await worker.start()).address;
  }
  if ('order' in ask) return faults.order(ask.order);
  if ('status' in ask) return worker.status();
  return 'tally' in ask ? faults.tally : counts;
}

process.on('message', (ask: Ask) => {
  answer(ask).then(
    (reply) => process.send!({ id: ask.id, reply } satisfies Reply),
    (error: unknown) => process.send!({ id: ask.id, error: String(error) } satisfies Reply),
  );
});
process.on('disconnect', () => process.exit(0));
