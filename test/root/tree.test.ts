/** A root is a shard of a bigger root: limits are rewritten once, coverage composes, keys are hashed at each level. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { startRoot, startWorker } from '../kit/cluster.ts';
import { type Hit, hitsOf } from '../kit/search-shard.ts';

/** Two roots with two shards each, below one root that has them as its two shards. */
async function tree(t: ExecutionContext) {
  const inner = [];
  for (const name of ['a', 'b']) {
    const worker = await startWorker(t, name, { shards: [0, 1], shardCount: 2 });
    inner.push(await startRoot(t, [worker], { id: `root-${name}` }));
  }
  return startRoot(
    t,
    inner.map(({ address }, shard) => ({ id: `root-${shard}`, address, shards: [shard] })),
  );
}

test.serial('limits are rewritten once, and the answer is that of all shards below', async (t) => {
  const { client } = await tree(t);
  const answer = await client.call('TopK', { text: 'x', limit: 6, offset: 5 });
  t.is(answer.code, status.OK, answer.details);
  const all: Hit[] = [...hitsOf(0), ...hitsOf(1), ...hitsOf(0), ...hitsOf(1)];
  all.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  t.deepEqual(answer.response.hits, all.slice(5, 11));
  t.is(answer.response.total, '80');
  t.deepEqual(answer.response.seen, ['shard 0: x', 'shard 1: x', 'shard 0: x', 'shard 1: x']);
  t.deepEqual([answer.coverage?.expected, answer.coverage?.answered], [4, 4]);
});

test.serial('G2: what is missing below is missing above, and counts', async (t) => {
  const { client } = await tree(t);
  const partial = await client.call('Some', { fault: 'fail:9@1' });
  t.is(partial.code, status.OK, partial.details);
  t.deepEqual([partial.coverage?.expected, partial.coverage?.answered], [4, 2]);
  t.is(partial.response.coverage.answered, 2);
  t.deepEqual(
    partial.coverage?.missing.map(({ cause, count, shards }) => [cause, count, shards]),
    [['FAILED', 2, [{ first: 0, last: 1 }]]],
  );
  t.regex(partial.coverage!.missing[0]!.detail, /below shard 0: shard 1 was told to fail/);
  const failed = await client.call('TopK', { fault: 'fail:9@1' });
  t.is(failed.code, status.FAILED_PRECONDITION);
});

test.serial('streams compose too', async (t) => {
  const { client } = await tree(t);
  const whole = await client.stream('List', { perShard: 5 });
  t.is(whole.code, status.OK, whole.details);
  t.is(whole.items.length, 20);
  t.deepEqual([whole.coverage?.expected, whole.coverage?.answered], [4, 4]);
  const partial = await client.stream('ListSome', { perShard: 5, fault: 'fail:9@0' });
  t.is(partial.code, status.OK, partial.details);
  t.is(partial.items.length, 10);
  t.deepEqual([partial.coverage?.expected, partial.coverage?.answered], [4, 2]);
});
