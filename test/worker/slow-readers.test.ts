/**
 * A stream whose reader took its time kept its execution slot while it waited: as many such readers as a worker has slots, or one on a
 * root before that many local shards, and every other call waited until its deadline.
 */
import { once } from 'node:events';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { searchPlan, startRoot, startWorker } from '../kit/cluster.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const { encodeRequest } = methodCodecs(searchPlan).get('List')!;

function listOf(t: ExecutionContext, address: string, perShard: number, timeoutMs: number) {
  const client = new Client(address, credentials.createInsecure());
  t.teardown(() => client.close());
  return client.makeServerStreamRequest<Buffer, Buffer>(
    '/acme.search.v1.Search/List',
    identity,
    identity,
    encodeRequest({ perShard, bodyBytes: 10_000 }) as Buffer,
    new Metadata(),
    { deadline: Date.now() + timeoutMs },
  );
}

for (const links of [true, false]) {
  test(`a reader that takes its time holds up nobody else, ${links ? 'over links' : 'over plain gRPC'}`, async (t) => {
    const worker = await startWorker(t, 'w', { shards: [0, 1], shardCount: 2, concurrency: 2 });
    const { address, client } = await startRoot(t, [worker], { links });
    const stream = listOf(t, address, 1500, 30_000);
    stream.on('error', () => {});
    let items = 0;
    stream.on('data', () => {
      items++;
    });
    await once(stream, 'data');
    stream.pause();
    // The buffers on the way fill up; what comes then waits for a slot.
    for (let i = 0; i < 30; i++) {
      const { code, details } = await client.call('TopK', { text: 'x' }, { timeoutMs: 4000 });
      t.is(code, 0, details);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.true(items < 3000);
    stream.resume();
    const [{ code }] = (await once(stream, 'status')) as [{ code: number }];
    t.is(code, 0);
    t.is(items, 3000);
  });
}

/** The deadline that a client read into was a failure of the replicas, which were avoided by others for it. */
test('a client that lets the deadline pass without reading is not held against the shards', async (t) => {
  const worker = await startWorker(t, 'w', { shards: [0], shardCount: 1 });
  const { address, root } = await startRoot(t, [worker]);
  const stream = listOf(t, address, 3000, 600);
  const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve));
  stream.on('error', () => {});
  stream.on('data', () => {});
  await once(stream, 'data');
  stream.pause();
  t.is((await ended).code, status.DEADLINE_EXCEEDED);
  const seen = () =>
    root.status() as {
      workers: { inFlight: number }[];
      shards: { replicas: { latency: number; breaker: string }[] }[];
    };
  // The root's own deadline is the same, give or take.
  while (seen().workers[0]!.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.like(seen().shards[0]!.replicas[0], { latency: 1, breaker: 'closed' });
});
