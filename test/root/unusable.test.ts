/** Answers that couldn't be merged were counted as answered, and their leaf calls as ok: only coverage told that they were no good. */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import test from 'ava';
import { startRoot } from '../kit/cluster.ts';

const identity = (bytes: Buffer): Buffer => bytes;

test('an answer that does not decode is counted as what it is', async (t) => {
  const server = new Server();
  t.teardown(() => server.forceShutdown());
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
        callback(null, Buffer.from([0x0a, 0xff, 0x01])),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const { client, admin } = await startRoot(t, [{ id: 'w', address: `127.0.0.1:${port}`, shards: [0] }], {
    admin: '127.0.0.1:0',
  });
  const answer = await client.call('TopK', { text: 'x' });
  t.is(answer.code, status.INTERNAL);
  t.is(answer.coverage?.missing[0]?.cause, 'MALFORMED');
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  for (const line of [
    'regather_root_tasks_total{outcome="answered"} 0',
    'regather_root_tasks_total{outcome="protocol"} 1',
    'regather_root_leaf_calls_total{worker="w",outcome="ok"} 0',
    'regather_root_leaf_calls_total{worker="w",outcome="failed"} 1',
  ]) {
    t.true(text.includes(`${line}\n`), line);
  }
});
