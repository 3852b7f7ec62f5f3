/** An attempt that was still under way at the deadline wasn't counted where another had failed before it: coverage said 1, not 2. */
import test from 'ava';
import type { Handler } from '../../shard/handlers.ts';
import { startRoot } from '../kit/cluster.ts';
import { startTopK } from '../kit/top-k-worker.ts';

test('coverage counts the attempt that the deadline ended, after the one that failed', async (t) => {
  const busy: Handler<unknown, never> = () => {
    throw Object.assign(new Error('not now'), { code: 14 });
  };
  const hung: Handler<unknown, never> = (_request, { signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const workers = [await startTopK(t, 'busy', busy), await startTopK(t, 'hung', hung)];
  const { client } = await startRoot(t, workers, { policy: { balance: { by: 'turns' } } });
  // By hand: a client with a timer of its own would hear that, not the root.
  const metadata = { 'grpc-timeout': '300m' };
  // Replicas take turns: one of two requests meets the busy one first.
  const answers = [];
  for (let i = 0; i < 2; i++) answers.push(await client.call('TopK', { text: 'x' }, { metadata }));
  t.deepEqual(answers.map(({ code, coverage }) => [code, coverage?.missing[0]?.attempts]).sort(), [
    [4, 1],
    [4, 2],
  ]);
});
