import test from 'ava';
import { explainPlan } from '../../root/plan/explain.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { encode, plan } from './plans.ts';

test('a plan for all shards, with its window, order and reducers', (t) => {
  const explained = explainPlan(
    plan('Group', encode({ text: 'ab', limit: 5, offset: 1, order: 'count desc, origin' })),
  );
  t.deepEqual(explained, {
    method: 'Group',
    leafMethod: 'Group',
    scatter: 'ALL',
    tasks: Array.from({ length: 8 }, (_, shard) => ({ shard, requestBytes: 24 })),
    leafRequestBytes: 24,
    final: true,
    windows: [{ limit: 5, offset: 1 }],
    orders: ['count desc, origin'],
    reducers: [
      { field: 'buckets', merge: 'group by origin', free: true },
      { field: 'buckets.origin', merge: 'key', free: true },
      { field: 'buckets.count', merge: 'sum', free: true },
    ],
  });
  t.deepEqual(JSON.parse(JSON.stringify(explained)), explained, 'not JSON');
});

test('all is said in words, since JSON has no infinity', (t) => {
  const explained = explainPlan(plan('Group', encode({})));
  t.deepEqual(explained.windows, [{ limit: 'all', offset: 0 }]);
  t.deepEqual(explained.orders, [null]);
});

test('a plan by key has one task and no reducers', (t) => {
  const { key, tasks, reducers, leafRequestBytes } = explainPlan(plan('ById', encode({ id: 'user-1234' })));
  t.is(key, 'id');
  t.deepEqual(tasks, [{ shard: shardOf('user-1234', 8), requestBytes: leafRequestBytes }]);
  t.deepEqual(reducers, []);
});

test('a split plan counts the keys of each task', (t) => {
  const explained = explainPlan(plan('SplitIds', encode({ ids: ['a', 'b', 'c', 'a', 'd', 'e'], text: 'x' })));
  t.is(explained.askedKeys, 6);
  t.is(explained.leafRequestBytes, 0);
  t.is(
    explained.tasks.reduce((sum, { keys }) => sum + keys!, 0),
    5,
  );
  for (const { requestBytes, keys } of explained.tasks) t.is(requestBytes, 3 + 3 * keys!);
  t.deepEqual(explained.reducers, [{ field: 'items', merge: 'align', free: false }]);
});
