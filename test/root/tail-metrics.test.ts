/** What an operator sees of the budget and of the event loop: in metrics, and in an explanation. */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { explainOf, startRoot, startWorker } from '../kit/cluster.ts';

test.serial('the tokens that are left and a late event loop are told', async (t) => {
  const workers = await Promise.all(
    ['w0', 'w1'].map((id) => startWorker(t, id, { shards: [0, 1], shardCount: 2 })),
  );
  const { client, admin } = await startRoot(t, workers, {
    admin: '127.0.0.1:0',
    policy: { budget: { burst: 7 } },
  });
  const value = async (sample: string): Promise<number> => {
    const text = await (await fetch(`http://${admin}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
    t.truthy(line, sample);
    return Number(line!.slice(sample.length));
  };
  for (const purse of ['hedge', 'retry', 'all'])
    t.is(await value(`regather_root_extra_work_tokens{budget="root",purse="${purse}"}`), 7, purse);

  const answer = await client.call('TopK', { text: 'a' }, { metadata: { 'regather-explain': '1' } });
  t.is(answer.code, status.OK);
  const { budgetLeft, hedgesLeft } = explainOf(answer);
  t.deepEqual([budgetLeft, hedgesLeft], [7, 7]);

  await value('regather_event_loop_delay_seconds{at="max"}');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 80);
  // The timer that was due meanwhile.
  await sleep(30);
  t.true((await value('regather_event_loop_delay_seconds{at="max"}')) >= 0.05);
});
