/**
 * A worker that answers for shards it was not asked for (G2, G3, G9). Its frames are written by protobufjs, since our own end of a link
 * refuses to send them.
 */
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import protobuf from 'protobufjs';
import { startRoot, startWorker } from '../kit/cluster.ts';
import { HITS_PER_SHARD } from '../kit/search-shard.ts';

const Batch = protobuf.loadSync('proto/regather/v1/link.proto').lookupType('regather.v1.Batch');

interface Frame {
  readonly hello?: object;
  readonly call?: { readonly id: number };
  readonly ping?: { readonly token: string; readonly reply: boolean };
}

/** A worker of shards 2 and 3 that answers every call with one part for `answered`, whatever was asked. */
async function startLiar(t: ExecutionContext, answered: readonly number[]): Promise<string> {
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  server.addService(
    {
      Open: {
        path: '/regather.v1.Link/Open',
        requestStream: true,
        responseStream: true,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      Open(stream: ServerDuplexStream<Buffer, Buffer>) {
        const say = (...frames: object[]): unknown =>
          stream.write(Buffer.from(Batch.encode(Batch.fromObject({ frames })).finish()));
        stream.on('data', (batch: Buffer) => {
          const { frames } = Batch.toObject(Batch.decode(batch), { longs: String }) as { frames: Frame[] };
          for (const { hello, call, ping } of frames) {
            if (hello !== undefined) {
              const service = 'acme.search.v1.Search';
              say({ hello: { version: 1, service, peer: 'liar', shards: [2, 3], shardCount: 4 } });
            }
            if (ping !== undefined && !ping.reply) say({ ping: { token: ping.token, reply: true } });
            if (call === undefined) continue;
            say({ chunk: { id: call.id, last: true, shards: answered } }, { end: { id: call.id } });
          }
        });
        stream.on('end', () => stream.end());
        stream.on('error', () => undefined);
      },
    },
  );
  t.teardown(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    ),
  );
}

for (const [answered, missing] of [
  [[0], [2, 3]],
  [
    [2, 7],
    [2, 3],
  ],
  [
    [0, 1],
    [2, 3],
  ],
] as const) {
  test(`a part for ${answered.join(' and ')} where 2 and 3 were asked fails those, and nobody else`, async (t) => {
    const good = await startWorker(t, 'w0', { shards: [0, 1], shardCount: 4 });
    const liar = await startLiar(t, answered);
    const { client, root } = await startRoot(t, [good, { id: 'w1', address: liar, shards: [2, 3] }]);
    const whole = await client.call('TopK', {});
    t.is(whole.code, status.INTERNAL, whole.details);
    t.regex(whole.details, /2 of 4 shards answered; missing 2-3: shard [23]: malformed/);
    const partial = await client.call('Some', {});
    t.is(partial.code, status.OK, partial.details);
    t.is(partial.response.total, String(2 * HITS_PER_SHARD));
    t.deepEqual(
      partial.coverage?.missing.map(({ cause, shards }) => [cause, shards]),
      [['MALFORMED', [{ first: missing[0], last: missing[1] }]]],
    );
    t.is((root.status() as { inFlight: number }).inFlight, 0);
  });
}
