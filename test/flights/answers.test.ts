import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { getsAgree, manyAgree, type Subject, streamsAgree, summariesAgree, worstsAgree } from './agree.ts';
import { type ClusterOptions, startCluster } from './cluster.ts';
import { makeExtract } from './extract.ts';
import { Truth } from './truth.ts';

const extract = await makeExtract(300);
const options: ClusterOptions = {
  source: extract.source,
  folder: join(extract.folder, 'data'),
  shards: 3,
  placement: [
    [0, 1],
    [1, 2],
  ],
};
const cluster = await startCluster(options);
const truth = await Truth.open(extract.source);
test.after.always(async () => {
  await cluster.stop();
  truth.close();
  await extract.remove();
});
const { client } = cluster;
const subject: Subject = { client, truth, shards: 3, flights: 10_000, runs: { seed: 20010101, numRuns: 30 } };

test('Summary answers what DuckDB does over the source', (t) => summariesAgree(t, subject));
test('Worst answers what DuckDB does over the source', (t) => worstsAgree(t, subject));
test('Get answers what DuckDB does over the source', (t) => getsAgree(t, subject));
test('GetMany answers what DuckDB does over the source', (t) => manyAgree(t, subject));
test('Stream answers what DuckDB does over the source', (t) => streamsAgree(t, subject));

test('without links, through plain gRPC, the answers are the same', async (t) => {
  const plain = await startCluster({ ...options, links: false });
  t.teardown(() => plain.stop());
  const same: Subject = { ...subject, client: plain.client, runs: { seed: 20010102, numRuns: 10 } };
  await summariesAgree(t, same);
  await worstsAgree(t, same);
  await getsAgree(t, same);
  await manyAgree(t, same);
  await streamsAgree(t, same);
});

test('nothing matches: no groups, no flights, a total of 0, and whole coverage', async (t) => {
  const filter = { origin: 'XXX' };
  const summary = await client.call<object>('Summary', { filter, groupBy: 'NOTHING' });
  t.like(summary.response, { groups: [], total: '0' });
  t.like(summary.coverage, { expected: 3, answered: 3 });
  const routes = await client.call<object>('Summary', {
    filter,
    groupBy: 'ROUTE',
    order: 'count desc',
    limit: 3,
  });
  t.like(routes.response, { groups: [], total: '0' });
  const worst = await client.call<object>('Worst', { filter });
  t.like(worst.response, { flights: [], total: '0' });
  t.is((await client.stream('Stream', { filter }, () => {})).response, 0);
});

test('a limit above the groups gives all of them, and an offset beyond the end none', async (t) => {
  const months = await client.call<{ groups: unknown[] }>('Summary', { groupBy: 'MONTH', limit: 9999 });
  t.is(months.response.groups.length, (await truth.summary({ groupBy: 'MONTH' })).groups.length);
  const beyond = await client.call<object>('Summary', { groupBy: 'MONTH', offset: 100 });
  t.like(beyond.response, { groups: [], total: '10000' });
  const worst = await client.call<object>('Worst', { limit: 1, offset: 9999, filter: { origin: 'LIH' } });
  t.deepEqual((worst.response as { flights: unknown[] }).flights, []);
});

test('many ids of none are answered without asking a shard', async (t) => {
  const { response, coverage } = await client.call<{ flights: unknown[] }>('GetMany', {});
  t.deepEqual(response.flights, []);
  t.is(coverage.expected, 0);
});

test('without a limit Worst has ten', async (t) => {
  t.is((await client.call<{ flights: unknown[] }>('Worst', {})).response.flights.length, 10);
});

test('what is wrong in a request is told, and by its field', async (t) => {
  const failed = async (method: string, request: object) =>
    t.throwsAsync(client.call(method, request)) as Promise<Error & { code: number }>;
  const cases: [string, object, RegExp][] = [
    ['Summary', { filter: { from: 'yesterday' } }, /filter\.from.*"yesterday"/],
    ['Worst', { filter: { from: '2001-03-01', until: '2001-02-01' } }, /filter\.from.*filter\.until/],
    ['Summary', { order: 'price desc' }, /price/],
    ['Worst', { limit: 9000, offset: 1001 }, /limit.*offset|offset.*limit/],
  ];
  for (const [method, request, message] of cases) {
    const error = await failed(method, request);
    t.is(error.code, status.INVALID_ARGUMENT, error.message);
    t.regex(error.message, message);
  }
  t.is((await failed('Get', { id: '-5' })).code, status.NOT_FOUND);
  await t.throwsAsync(
    client.stream('Stream', { filter: { until: '2001-02-30' } }, () => {}),
    { message: /filter\.until/ },
  );
});
