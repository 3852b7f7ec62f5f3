/** A root out of service and back: what an operator, or a rollout, does to it through the admin port. */
import { setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { SearchClient, startRoot, startWorker } from '../kit/cluster.ts';
import { held } from '../kit/search-shard.ts';

test('draining: what runs is answered, nobody else is let in; undrained, it serves at its address again', async (t) => {
  const worker = await startWorker(t, 'w0', { shards: [0, 1], shardCount: 2 });
  const { root, address, admin, client } = await startRoot(t, [worker], { admin: '127.0.0.1:0' });
  const life = async (): Promise<{ state: string; drained?: boolean }> =>
    ((await (await fetch(`http://${admin}/statusz`)).json()) as { life: { state: string } }).life;
  const post = async (what: string): Promise<number> =>
    (await fetch(`http://${admin}/lifecycle/${what}`, { method: 'POST' })).status;
  const readiness = async (): Promise<number> => (await fetch(`http://${admin}/readyz`)).status;
  const newcomer = async (): Promise<number> => {
    const other = new SearchClient(address);
    const { code } = await other.call('TopK', {});
    other.close();
    return code;
  };

  const running = client.call('TopK', { fault: 'hold@*' });
  while ((await worker.counts()).started < 2) await turn();
  t.is(await readiness(), 200);
  t.is(await post('drain'), 200);
  t.like(await life(), { state: 'draining', drained: false });
  t.is(await readiness(), 503);
  t.is((await fetch(`http://${admin}/livez`)).status, 200);
  t.is(await newcomer(), status.UNAVAILABLE);
  held.resolve();
  const answer = await running;
  t.is(answer.code, status.OK, answer.details);
  t.is(answer.coverage?.answered, 2);
  while ((await life()).drained !== true);
  t.is(root.state, 'draining');

  t.is(await post('undrain'), 200);
  t.is(root.state, 'ready');
  t.is(await readiness(), 200);
  t.is(await newcomer(), status.OK);
  await root.stop();
  t.is(await newcomer(), status.UNAVAILABLE);
});
