/** How many calls one connection may have open: grpc-js's own default is 2³² − 1. */
import { once } from 'node:events';
import { connect, type Settings } from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { startRoot, startWorker } from '../kit/cluster.ts';

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
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1 });
  const { client, root } = await startRoot(t, [worker], { maxConcurrentStreams: 2 });
  const inFlight = () => (root.status() as { inFlight: number }).inFlight;
  let most = 0;
  const sampled = Array.from({ length: 20 }, () =>
    client.call('TopK', { fault: 'sleep:5@0' }).then((answer) => {
      most = Math.max(most, inFlight());
      return answer;
    }),
  );
  for (const { code, details } of await Promise.all(sampled)) t.is(code, 0, details);
  t.true(most >= 1 && most <= 2, `${most} at once`);
});
