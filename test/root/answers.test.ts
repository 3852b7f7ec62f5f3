/** What clients get from a root before real workers: the merged answer, its limits, its keys. Each over links and plain gRPC. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { type Coverage, startRoot, startWorker } from '../kit/cluster.ts';
import { HITS_PER_SHARD, type Hit, hitsOf } from '../kit/search-shard.ts';

const SHARDS = 4;

function bestHits(limit: number, offset = 0): Hit[] {
  const all = Array.from({ length: SHARDS }, (_, shard) => hitsOf(shard)).flat();
  return all.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(offset, offset + limit);
}

const whole = (coverage: Coverage | undefined) => [
  coverage?.expected,
  coverage?.answered,
  coverage?.missing.length,
];

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';
  const setUp = async (t: Parameters<typeof startWorker>[0]) => {
    const workers = await Promise.all([
      startWorker(t, 'w0', { shards: [0, 1], shardCount: SHARDS }),
      startWorker(t, 'w1', { shards: [2, 3], shardCount: SHARDS }),
    ]);
    return startRoot(t, workers, { links });
  };

  test(`ALL merges every shard ${how}`, async (t) => {
    const { client } = await setUp(t);
    const answer = await client.call('TopK', { text: 'a', limit: 7, offset: 3 });
    t.is(answer.code, status.OK, answer.details);
    t.deepEqual(answer.response.hits, bestHits(7, 3));
    t.is(answer.response.total, String(SHARDS * HITS_PER_SHARD));
    t.is(answer.response.weight, 0.1 + 0.2 + 0.1 * 3 + 0.4);
    t.is(answer.response.best, '3');
    t.deepEqual(answer.response.seen, ['shard 0: a', 'shard 1: a', 'shard 2: a', 'shard 3: a']);
    t.deepEqual(whole(answer.coverage), [SHARDS, SHARDS, 0]);
    t.is(answer.response.coverage.answered, SHARDS, 'the response field says the same');
  });

  test(`a limit of 0 is the default, and one above the window is refused ${how}`, async (t) => {
    const { client } = await setUp(t);
    t.deepEqual((await client.call('TopK', {})).response.hits, bestHits(10));
    const refused = await client.call('TopK', { limit: 9_000, offset: 1_001 });
    t.is(refused.code, status.INVALID_ARGUMENT);
    for (const named of ['limit', '9000', 'offset', '1001', '10000'])
      t.regex(refused.details, new RegExp(named));
  });

  /** Nobody granted what was left of it, and so the other shards of its leaf call were held up by what it went on to send. */
  test(`a shard whose items are malformed holds up no other shard of its worker ${how}`, async (t) => {
    const { client } = await setUp(t);
    const request = { perShard: 8, bodyBytes: 100_000, fault: 'garbage@0' };
    const answer = await client.stream('ListSome', request, { metadata: { 'grpc-timeout': '5S' } });
    t.is(answer.coverage?.answered, SHARDS - 1);
    t.deepEqual(
      answer.coverage?.missing.map(({ cause, shards }) => [cause, shards]),
      [['MALFORMED', [{ first: 0, last: 0 }]]],
    );
    t.is(answer.items.length, 8 * (SHARDS - 1));
  });

  test(`KEY asks the shard that owns the key, and passes its status on ${how}`, async (t) => {
    const { client } = await setUp(t);
    for (const id of ['a', 'b', 'c', 'ü', 'a much longer key than the others']) {
      const answer = await client.call('Get', { id });
      t.deepEqual(answer.response, { id, shard: shardOf(id, SHARDS), body: `body of ${id}` });
      t.deepEqual(whole(answer.coverage), [1, 1, 0]);
    }
    const missing = await client.call('Get', { id: 'missing-1' });
    t.is(missing.code, status.NOT_FOUND);
    t.is(missing.details, 'no document missing-1');
    const empty = await client.call('Get', { id: '' });
    t.is(empty.code, status.INVALID_ARGUMENT);
    t.regex(empty.details, /"id" of acme\.search\.v1\.GetRequest/);
  });

  test(`SPLIT sends each shard its own keys, and the answer is in the asked order ${how}`, async (t) => {
    const { client } = await setUp(t);
    const ids = ['x', 'missing-1', 'y', 'z', 'x', 'w', 'v', 'u'];
    const answer = await client.call('GetMany', { ids });
    t.is(answer.code, status.OK, answer.details);
    t.deepEqual(
      answer.response.documents.map(({ id, shard }: { id: string; shard: number }) => [id, shard]),
      ids.filter((id) => !id.startsWith('missing')).map((id) => [id, shardOf(id, SHARDS)]),
    );
    const none = await client.call('GetMany', { ids: [] });
    t.is(none.code, status.OK, none.details);
    t.deepEqual(none.response.documents, []);
    t.deepEqual(whole(none.coverage), [0, 0, 0]);
  });

  test(`ANY takes turns among the shards ${how}`, async (t) => {
    const { client } = await setUp(t);
    const asked = new Set<number>();
    for (let i = 0; i < 2 * SHARDS; i++) asked.add((await client.call('Info', {})).response.shard);
    t.is(asked.size, SHARDS);
  });

  test(`metadata of the client reaches the shards, without what is reserved ${how}`, async (t) => {
    const { client } = await setUp(t);
    const { response } = await client.call(
      'Info',
      {},
      {
        metadata: {
          'x-tenant': 'a',
          authorization: 'Bearer token',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          'regather-shard': '3',
          'regather-unknown': 'x',
        },
      },
    );
    t.deepEqual(JSON.parse(response.body), {
      'x-tenant': 'a',
      authorization: 'Bearer token',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  test(`NONE is UNIMPLEMENTED ${how}`, async (t) => {
    const { client } = await setUp(t);
    const answer = await client.call('Upload', {});
    t.is(answer.code, status.UNIMPLEMENTED);
  });

  test(`a stream forwards every item of every shard, whole ${how}`, async (t) => {
    const { client } = await setUp(t);
    const answer = await client.stream('List', { perShard: 50, bodyBytes: 20_000 });
    t.is(answer.code, status.OK, answer.details);
    const ids = answer.items.map((item) => (item as { id: string }).id).sort();
    const expected = Array.from({ length: SHARDS }, (_, shard) =>
      Array.from({ length: 50 }, (_, i) => `s${shard}-${i}`),
    );
    t.deepEqual(ids, expected.flat().sort());
    t.deepEqual(whole(answer.coverage), [SHARDS, SHARDS, 0]);
  });

  test(`request bytes that don't decode are INVALID_ARGUMENT, naming the message ${how}`, async (t) => {
    const { client } = await setUp(t);
    const answer = await client.call('TopK', Buffer.from([0x0a, 0x7f, 1]));
    t.is(answer.code, status.INVALID_ARGUMENT);
    t.regex(answer.details, /TopKRequest/);
  });
}

test('the answer to the byte is the same over links, plain gRPC, and another placement of the shards', async (t) => {
  const one = await startWorker(t, 'all', { shards: [0, 1, 2, 3], shardCount: SHARDS });
  const spread = await Promise.all(
    [[0, 2], [1], [3]].map((shards, i) => startWorker(t, `w${i}`, { shards, shardCount: SHARDS })),
  );
  const alone = await Promise.all(
    [0, 1, 2, 3].map((shard) =>
      startWorker(t, `a${shard}`, { shards: [shard], shardCount: SHARDS, combine: 'never' }),
    ),
  );
  const clients = [];
  for (const [workers, links] of [
    [[one], true],
    [spread, true],
    [alone, true],
    [spread, false],
    [[one], false],
  ] as const) {
    clients.push((await startRoot(t, workers, { links })).client);
  }
  for (const request of [{ text: 'x', limit: 5 }, { limit: 30, offset: 11 }, { limit: 200 }]) {
    const answers = await Promise.all(clients.map((client) => client.call('TopK', request)));
    for (const answer of answers) {
      t.is(answer.code, status.OK, answer.details);
      t.deepEqual(answer.bytes, answers[0]!.bytes);
    }
  }
});
