/** Hedging with real workers and sockets: a replica that hangs with one of its tasks costs no answer its time. */
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../shard/handlers.ts';
import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { startRoot } from '../kit/cluster.ts';
import type { SearchHandlers } from '../kit/search-shard.ts';
import { searchProto } from '../kit/search-worker.ts';
import { until } from '../worker/kit.ts';

const unserved = (): never => {
  throw new Error('not asked');
};

/** Two workers with the same four shards; the next task of `hanging` hangs until it is stopped, on whichever it meets. */
async function setUp(t: ExecutionContext, links: boolean) {
  const state = { hanging: -1, hung: '', stopped: 0, ran: [] as string[] };
  async function start(id: string) {
    const TopK: Handler<unknown, object> = (_request, { shard, signal }) => {
      state.ran.push(`${shard} on ${id}`);
      if (shard !== state.hanging) return { total: 1, seen: [String(shard)] };
      state.hanging = -1;
      state.hung = id;
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          state.stopped++;
          reject(signal.reason);
        }),
      );
    };
    const worker = createWorker<SearchHandlers>({
      service: { proto: searchProto },
      log: createLogger({ level: 'silent' }),
      open: () => ({
        TopK: TopK as SearchHandlers['TopK'],
        Some: unserved,
        Count: TopK as SearchHandlers['Count'],
        Get: unserved,
        GetMany: unserved,
        Info: unserved,
        List: unserved,
        ListSome: unserved,
      }),
    });
    t.teardown(() => worker.stop());
    const { address } = await worker.start({ id, signals: false, shards: [0, 1, 2, 3], shardCount: 4 });
    return { id, address, shards: [0, 1, 2, 3] };
  }
  const workers = [await start('w0'), await start('w1')];
  const { client, root } = await startRoot(t, workers, {
    links,
    // A busy machine makes this process late as well, and it is the workers that are looked at here.
    policy: { hedge: { maxLoopDelayMs: 60_000 } },
  });
  const status = (): { extraWork: { root: { spent: Record<string, number> } } } & Record<string, unknown> =>
    root.status() as never;
  return { client, state, status };
}

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test(`a task that hangs is answered by the other replica, and stopped, ${how}`, async (t) => {
    const { client, state, status } = await setUp(t, links);
    // So that it is known what tasks take.
    for (let i = 0; i < 60; i++) t.is((await client.call('TopK', { text: 'x' })).code, 0);
    const { spent } = status().extraWork.root;
    const before = spent.hedge!;
    state.ran.length = 0;
    state.hanging = 2;
    const answer = await client.call('TopK', { text: 'x' }, { timeoutMs: 60_000 });
    t.is(answer.code, 0, answer.details);
    t.deepEqual(answer.response.seen, ['0', '1', '2', '3']);
    t.is(answer.response.total, '4', 'each shard once');
    await until(() => state.stopped === 1, 'the attempt that lost is stopped');
    t.true(spent.hedge! > before);
    const other = state.hung === 'w0' ? 'w1' : 'w0';
    t.true(state.ran.includes(`2 on ${state.hung}`) && state.ran.includes(`2 on ${other}`));
    t.is(new Set(state.ran).size, state.ran.length, 'never twice on one replica');
    await until(() => {
      const { workers } = status() as unknown as { workers: { inFlight: number; tasks: number }[] };
      return workers.every(({ inFlight, tasks }) => inFlight === 0 && tasks === 0);
    }, 'nothing is in flight any more');
  });

  test(`what isn't idempotent is never hedged, ${how}`, async (t) => {
    const { client, state, status } = await setUp(t, links);
    for (let i = 0; i < 60; i++) t.is((await client.call('Count', {})).code, 0);
    state.ran.length = 0;
    state.hanging = 2;
    const answer = await client.call('Count', {}, { timeoutMs: 300 });
    t.is(answer.code, 4);
    t.is(state.ran.filter((ran) => ran.startsWith('2 ')).length, 1);
    t.is(status().extraWork.root.spent.hedge, 0);
  });
}
