/**
 * A part that was enough had its own leaf call cancelled, and the task that it had just answered ended as cancelled: over plain gRPC, a
 * half-open replica's success was no success.
 */
import {
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import test from 'ava';
import { PlainUpstream } from '../../root/upstream/plain.ts';
import type { LeafEnd, LeafHandle } from '../../shared/link/leaf-call.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { searchPlan } from '../kit/cluster.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const { encodeResponse } = methodCodecs(searchPlan).get('TopK')!;

test('a call that is cancelled for a part of its own has answered that part', async (t) => {
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
      // Shard 1 never answers.
      TopK(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
        const [shard] = call.metadata.get('regather-shard');
        if (shard === '0') callback(null, encodeResponse({ total: 7 }) as Buffer);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const upstream = new PlainUpstream({
    address: `127.0.0.1:${port}`,
    credentials: credentials.createInsecure(),
    workerTls: undefined,
    plan: searchPlan,
    connectTimeoutMs: 1000,
    onReconnected() {},
  });
  t.teardown(() => upstream.close());
  const end = await new Promise<LeafEnd>((resolve) => {
    const handle: LeafHandle = upstream.run(
      {
        method: 'TopK',
        payload: Buffer.alloc(0),
        tasks: [{ shard: 0 }, { shard: 1 }],
        streaming: false,
        deadline: performance.now() + 60_000,
        flushAfterMs: 0,
        priority: 0,
        epoch: 1,
        metadata: [],
        maxPartBytes: 1 << 20,
      },
      { part: () => handle.cancel(), end: resolve },
    );
  });
  t.deepEqual(
    end.failures.map(({ shard, code }) => [shard, code]),
    [[1, 1]],
  );
});
