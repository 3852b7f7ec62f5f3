/**
 * Calls that are cancelled from within what they themselves report. A part that was enough had its own leaf call cancelled, and the task that it had just answered ended as cancelled: over plain gRPC, a
 * half-open replica's success was no success.
 */
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { PlainUpstream } from '../../root/upstream/plain.ts';
import type { LeafCall, LeafEnd, LeafHandle } from '../../shared/link/leaf-call.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { searchPlan } from '../kit/cluster.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const { encodeResponse } = methodCodecs(searchPlan).get('TopK')!;

const call: LeafCall = {
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
};

interface Method {
  readonly path: string;
  readonly responseStream: boolean;
  readonly handle: (call: never, callback: sendUnaryData<Buffer>) => void;
}

/** A gRPC server with one method, and the upstream that calls it. */
async function plainServer(t: ExecutionContext, { path, responseStream, handle }: Method) {
  const server = new Server();
  t.teardown(() => server.forceShutdown());
  server.addService(
    {
      method: {
        path,
        requestStream: false,
        responseStream,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    { method: handle as UntypedHandleCall },
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
  return { upstream };
}

test('a call that is cancelled for a part of its own has answered that part', async (t) => {
  const { upstream } = await plainServer(t, {
    path: '/acme.search.v1.Search/TopK',
    responseStream: false,
    // Shard 1 never answers.
    handle(call: ServerUnaryCall<Buffer, Buffer>, callback) {
      const [shard] = call.metadata.get('regather-shard');
      if (shard === '0') callback(null, encodeResponse({ total: 7 }) as Buffer);
    },
  });
  const end = await new Promise<LeafEnd>((resolve) => {
    const handle: LeafHandle = upstream.run(call, { part: () => handle.cancel(), end: resolve });
  });
  t.deepEqual(
    end.failures.map(({ shard, code }) => [shard, code]),
    [[1, 1]],
  );
});

/** It spent a reset on a stream that had ended, and said that its tasks were cancelled, one more than there were. */
test('a stream whose coverage cannot be used, and is cancelled for it, has ended all the same', async (t) => {
  const { upstream } = await plainServer(t, {
    path: '/acme.search.v1.Search/List',
    responseStream: true,
    handle(call: ServerWritableStream<Buffer, Buffer>) {
      const trailers = new Metadata();
      trailers.set('regather-coverage-bin', Buffer.from('none'));
      call.end(trailers);
    },
  });
  let told = 0;
  const end = await new Promise<LeafEnd>((resolve) => {
    const handle = upstream.run(
      { ...call, method: 'List', tasks: [{ shard: 0 }], streaming: true },
      {
        part() {},
        below() {
          told++;
          handle.cancel();
        },
        end: resolve,
      },
    );
  });
  t.is(told, 1);
  t.deepEqual(end.failures, []);
  let resets = 0;
  while (upstream.takeReset()) resets++;
  t.is(resets, 25, 'none was taken');
});
