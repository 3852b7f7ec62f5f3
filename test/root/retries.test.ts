/** Retries as clients and workers see them: once, elsewhere, not before a worker wants it, and at one level of a tree only. */
import { Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { explainOf, startRoot, startWorker } from '../kit/cluster.ts';
import { scatterModel } from '../kit/scatter-model.ts';
import { gate, serve, until } from '../worker/kit.ts';

const identity = (bytes: Buffer): Buffer => bytes;

/** A gRPC server of TopK that turns everything away, and says when to come back. */
async function busyServer(t: ExecutionContext, pushbackMs: number) {
  const counts = { calls: 0 };
  const server = new Server();
  server.addService(
    {
      TopK: {
        path: '/acme.search.v1.Search/TopK',
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    {
      TopK: (_call: unknown, callback: (error: Partial<ServiceError>) => void) => {
        counts.calls++;
        const metadata = new Metadata();
        metadata.set('grpc-retry-pushback-ms', String(pushbackMs));
        callback({ code: status.RESOURCE_EXHAUSTED, details: 'busy', metadata });
      },
    },
  );
  t.teardown(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { address: `127.0.0.1:${port}`, counts };
}

test('a worker that wants to be left alone is, and if none is left the client hears how long', async (t) => {
  const busy = [await busyServer(t, 60_000), await busyServer(t, 60_000)];
  const { client } = await startRoot(
    t,
    busy.map(({ address }, i) => ({ id: `w${i}`, address, shards: [0] })),
  );
  const calls = (): number => busy.reduce((sum, { counts }) => sum + counts.calls, 0);
  const first = await client.call('TopK', { text: 'x' });
  t.is(first.code, status.RESOURCE_EXHAUSTED, first.details);
  t.deepEqual(first.trailer.get('grpc-retry-pushback-ms'), ['60000']);
  t.is(calls(), 2, 'tried once more, on the other');
  const second = await client.call('TopK', { text: 'x' });
  t.is(second.code, status.RESOURCE_EXHAUSTED);
  t.is(calls(), 3, 'never down to none, but not tried once more where it was asked not to be');
});

test('retries do not multiply in a tree: the root below has tried, the one above does not', async (t) => {
  let runs = 0;
  const failing = {
    TopK: (): never => {
      runs++;
      throw Object.assign(new Error('not now'), { code: status.UNAVAILABLE });
    },
  };
  const inner = [];
  for (const name of ['a', 'b']) {
    const workers = [];
    for (const replica of [1, 2]) {
      const { addresses } = await serve(t, { shards: [0], handlers: failing });
      workers.push({ id: `${name}${replica}`, address: addresses.address, shards: [0] });
    }
    inner.push(await startRoot(t, workers, { id: `root-${name}` }));
  }
  const { client } = await startRoot(
    t,
    inner.map(({ address }, i) => ({ id: `inner${i}`, address, shards: [0] })),
  );
  const answer = await client.call('TopK', { text: 'x' });
  t.is(answer.code, status.UNAVAILABLE, answer.details);
  t.is(runs, 2, 'one attempt and one retry in all');
  t.deepEqual(answer.trailer.get('grpc-retry-pushback-ms'), [], 'clients are free to try again');
});

/** A root over two roots, each of which has all of those workers. */
async function treeOver(
  t: ExecutionContext,
  workers: Parameters<typeof startRoot>[1],
  options: Parameters<typeof startRoot>[2] = {},
) {
  const inner = [];
  for (const id of ['a', 'b']) inner.push(await startRoot(t, workers, { ...options, id: `root-${id}` }));
  return startRoot(
    t,
    inner.map(({ address }, i) => ({ id: `inner${i}`, address, shards: [0] })),
  );
}

/** The root above had the whole subtree done again, because the one shard that had been turned away hadn't begun. */
test('nor if one shard was turned away and another has run', async (t) => {
  const { promise, open } = gate();
  t.teardown(open);
  let held = 0;
  const busy = await serve(t, {
    shards: [1],
    shardCount: 2,
    concurrency: 1,
    queue: 0,
    handlers: {
      Get: async () => {
        held++;
        await promise;
        return {};
      },
    },
  });
  const well = await serve(t, { shards: [0], shardCount: 2 });
  const first = busy.client.call('Get', { id: 'x' }, { shard: 1 });
  await until(() => held === 1, 'the slot is taken');
  const { client } = await treeOver(t, [
    { id: 'well', address: well.addresses.address, shards: [0] },
    { id: 'busy', address: busy.addresses.address, shards: [1] },
  ]);
  const answer = await client.call('TopK', { text: 'x' }, { metadata: { 'regather-explain': '1' } });
  t.is(answer.code, status.RESOURCE_EXHAUSTED, answer.details);
  t.is(explainOf(answer).shards[0].attempts.length, 1);
  open();
  await first;
});

test('nor if what ran is too large to be merged, or to be handed over', async (t) => {
  const worker = await startWorker(t, 'w', { shards: [0, 1], shardCount: 2 });
  const metadata = { 'regather-explain': '1' };
  const full = await treeOver(t, [worker], { maxGatherBytes: 100_000 });
  const large = await treeOver(t, [worker]);
  for (const [{ client }, bytes, why] of [
    [full, 200_000, /max_gather_bytes/],
    [large, 3_000_000, /max_answer_bytes/],
  ] as const) {
    const answer = await client.call('TopK', { fault: `huge:${bytes}@*` }, { metadata });
    t.is(answer.code, status.RESOURCE_EXHAUSTED, answer.details);
    t.regex(answer.details, why);
    t.is(explainOf(answer).shards[0].attempts.length, 1);
  }
});

const shed = { code: 8, notStarted: true, pushbackMs: 7 };
const unreached = { code: 14, notStarted: true };
for (const { what, failures, leaf, client } of [
  {
    what: 'one was turned away, and one answered',
    failures: [{ shard: 1, ...shed }],
    leaf: '-1',
    client: '7',
  },
  {
    what: 'all were turned away',
    failures: [
      { shard: 0, ...shed },
      { shard: 1, ...shed },
    ],
    leaf: '7',
    client: '7',
  },
  { what: 'nobody could be asked for one', failures: [{ shard: 1, ...unreached }] },
  {
    what: 'nobody could be asked for one, and one failed',
    failures: [
      { shard: 0, ...unreached },
      { shard: 1, code: 14 },
    ],
    leaf: '-1',
  },
]) {
  test(`what is said of trying again if ${what}`, (t) => {
    const { asked, answer, close } = scatterModel({ workers: 1, shards: 2 });
    t.teardown(close);
    const said: (string | Buffer | undefined)[] = [];
    for (const leaf of [true, false]) {
      answer((_coverage, trailer) => said.push(trailer.get('grpc-retry-pushback-ms')[0]), { leaf });
      const one = asked.pop()!;
      for (const shard of [0, 1]) if (!failures.some((failure) => failure.shard === shard)) one.part(shard);
      one.end(...failures);
    }
    t.deepEqual(said, [leaf, client]);
  });
}

test('what was stopped because another was turned away is no reason not to try again', (t) => {
  const { asked, answer, close } = scatterModel({ workers: 2, shards: 2, by: 'load' });
  t.teardown(close);
  let said: (string | Buffer | undefined)[] | undefined;
  answer(
    (_coverage, trailer) => {
      said = trailer.get('grpc-retry-pushback-ms');
    },
    { leaf: true },
  );
  const { shard } = asked[0]!.call.tasks[0]!;
  asked[0]!.end({ shard, ...unreached });
  t.is(said, undefined, 'it is tried elsewhere');
  asked[2]!.end({ shard, ...unreached });
  t.deepEqual(said, [], 'the answer has failed, and a root above may reach that shard');
  t.true(asked[1]!.cancelled);
});
