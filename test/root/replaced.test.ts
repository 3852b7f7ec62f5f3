/**
 * A plain worker that was replaced by one with links at its address went on being called directly until the next look at it, half a
 * minute later: the link client could be told to look at once, but nothing told it.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { searchPlan, startRoot } from '../kit/cluster.ts';
import { searchWorker } from '../kit/search-worker.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const { encodeResponse } = methodCodecs(searchPlan).get('TopK')!;

/** A gRPC server of TopK that knows nothing of links. */
async function plainServer(listen: string): Promise<{ address: string; stop(): void }> {
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
      TopK: (_call: unknown, callback: (error: null, answer: Buffer) => void) =>
        callback(null, encodeResponse({ total: 7 }) as Buffer),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

/** Calls until the worker is as said: every call may be what brings the change about. */
async function until(
  { root, client }: Awaited<ReturnType<typeof startRoot>>,
  state: string,
): Promise<number> {
  for (;;) {
    const { code, response } = await client.call('TopK', { text: 'x' }, { timeoutMs: 300 });
    const [worker] = (root.status() as { workers: { state: string }[] }).workers;
    if (worker!.state === state && code === 0) return Number(response.total);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a worker at the address of another one is called as it wants to be: plain, link, plain', async (t) => {
  t.timeout(15_000);
  let plain = await plainServer('127.0.0.1:0');
  const { address } = plain;
  const running = await startRoot(t, [{ id: 'w', address, shards: [0] }]);
  t.is(await until(running, 'plain'), 7);
  plain.stop();
  const linked = searchWorker({ id: 'w', signals: false, shards: [0], shardCount: 1, listen: address });
  t.teardown(() => linked.stop());
  await linked.start();
  t.is(await until(running, 'link'), 20);
  await linked.stop();
  plain = await plainServer(address);
  t.teardown(() => plain.stop());
  t.is(await until(running, 'plain'), 7);
});
