/** Retries as clients and workers see them: once, elsewhere, not before a worker wants it, and at one level of a tree only. */
import { Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { startRoot } from '../kit/cluster.ts';
import { serve } from '../worker/kit.ts';

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
