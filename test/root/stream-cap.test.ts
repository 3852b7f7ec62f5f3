/** How many calls one connection may have open: grpc-js's own default is 2³² − 1. */
import { once } from 'node:events';
import { connect, type Settings } from 'node:http2';
import { setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { SearchClient, startRoot, startWorker } from '../kit/cluster.ts';
import { held } from '../kit/search-shard.ts';

/** What a listener tells those who connect. */
async function settingsOf(t: ExecutionContext, address: string): Promise<Settings> {
  const session = connect(`http://${address}`);
  t.teardown(() => session.destroy());
  const [settings] = (await once(session, 'remoteSettings')) as [Settings];
  return settings;
}

test('root and worker take 1000 calls on a connection, or as many as they are told', async (t) => {
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1 });
  const usual = await startRoot(t, [worker]);
  t.is((await settingsOf(t, worker.address)).maxConcurrentStreams, 1000);
  t.is((await settingsOf(t, usual.address)).maxConcurrentStreams, 1000);
  const few = await startRoot(t, [worker], { maxConcurrentStreams: 7 });
  t.is((await settingsOf(t, few.address)).maxConcurrentStreams, 7);
});

test('calls above the cap wait for their turn, and are answered', async (t) => {
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1, concurrency: 16 });
  const { client, address, root } = await startRoot(t, [worker], { maxConcurrentStreams: 2 });
  const other = new SearchClient(address);
  t.teardown(() => other.close());
  const inFlight = () => (root.status() as { inFlight: number }).inFlight;
  // The client learns of the cap with its first answer.
  t.is((await client.call('TopK', {})).code, status.OK);
  const calls = [1, 2, 3, 4].map(() => client.call('TopK', { fault: 'hold@0' }));
  while (inFlight() < 2) await turn();
  // What was sent with those two has come before this is answered.
  t.is((await other.call('TopK', {})).code, status.OK);
  t.is(inFlight(), 2);
  held.resolve();
  for (const { code, details } of await Promise.all(calls)) t.is(code, status.OK, details);
});
