/** A worker in another language, without Link, behind a root: alone, and beside workers that have one. */
import { status } from '@grpc/grpc-js';
import { type SearchClient, startRoot, startWorker } from '../kit/cluster.ts';
import { foreign, pythonMessages, pythonWorker } from './python.ts';

const SHARDS = 4;

foreign(
  'a Python worker beside one with a link: the answers of an all-TypeScript cluster, to the byte',
  async (t) => {
    const folder = pythonMessages(t);
    const [python, linked, whole] = await Promise.all([
      pythonWorker(t, folder, 'python', [0, 2]),
      startWorker(t, 'linked', { shards: [1, 3], shardCount: SHARDS }),
      startWorker(t, 'whole', { shards: [0, 1, 2, 3], shardCount: SHARDS }),
    ]);
    const [mixed, same] = await Promise.all([startRoot(t, [python, linked]), startRoot(t, [whole])]);
    const states = (mixed.root.status() as { workers: { id: string; state: string }[] }).workers;
    t.deepEqual(
      states.map(({ id, state }) => [id, state]),
      [
        ['python', 'plain'],
        ['linked', 'link'],
      ],
    );
    const requests: [string, object][] = [
      ['TopK', { text: 'x', limit: 7, offset: 3 }],
      ['TopK', { limit: 60 }],
      ['Some', { text: 'ü' }],
      ['Count', { limit: 1 }],
      ['TopK', { limit: 80 }],
      ['GetMany', { ids: ['x', 'missing-1', 'y', 'z', 'x', 'w', 'v', 'u'] }],
      ...['a', 'b', 'c', 'd', 'e', 'missing-2'].map((id): [string, object] => ['Get', { id }]),
    ];
    for (const [method, request] of requests) {
      const [ours, theirs] = await Promise.all([
        mixed.client.call(method, request),
        same.client.call(method, request),
      ]);
      const asked = `${method} ${JSON.stringify(request)}`;
      t.is(ours.code, theirs.code, `${asked}: ${ours.details}`);
      t.deepEqual(ours.response, theirs.response, asked);
      // A zero without presence is nothing in Python's bytes and a zero in protobufjs's, and roots copy what they get.
      if (!zeros(ours.response)) t.deepEqual(ours.bytes, theirs.bytes, asked);
      t.is(ours.details, theirs.details);
      t.deepEqual(ours.coverage, theirs.coverage);
    }
    const streams = await Promise.all(
      [mixed, same].map(({ client }) => client.stream('List', { perShard: 40, bodyBytes: 20_000 })),
    );
    t.deepEqual(sorted(streams[0]!.items), sorted(streams[1]!.items));
    t.is(streams[0]!.items.length, 40 * SHARDS);
    t.deepEqual(streams[0]!.coverage, streams[1]!.coverage);
  },
);

foreign(
  'a Python worker that fails, is late or hangs costs its shards, and hears that nobody waits',
  async (t) => {
    const folder = pythonMessages(t);
    const [python, linked] = await Promise.all([
      pythonWorker(t, folder, 'python', [0, 2]),
      startWorker(t, 'linked', { shards: [1, 3], shardCount: SHARDS }),
    ]);
    // Until the deadline, that is.
    const { client } = await startRoot(t, [python, linked], {
      policy: { coverage: { wait: 1, tail: 1000 } },
    });
    t.deepEqual(await missing(client, 'fail:9@2', 5_000), ['FAILED 2 shard 2 was told to fail']);
    // Who says so first, the worker's own deadline or the root's timer, is open.
    t.regex((await missing(client, 'hang@2', 400)).join(), /^TIMEOUT 2 [^,]+$/);
    await python.said('left 2');
    const whole = await client.call('TopK', { fault: 'fail:9@2' });
    t.is(whole.code, status.FAILED_PRECONDITION);
    t.regex(whole.details, /shard 2 was told to fail/);
    const broken = await client.stream('ListSome', { perShard: 3, fault: '/fail:13@2' });
    t.is(broken.code, status.OK, broken.details);
    t.deepEqual(
      broken.coverage?.missing.map(({ cause }) => cause),
      ['INCOMPLETE'],
    );
    t.is(broken.items.length, 3 * 3 + 1);
  },
);

foreign('a Python worker with several shards and none named answers FAILED_PRECONDITION', async (t) => {
  const folder = pythonMessages(t);
  const { address } = await pythonWorker(t, folder, 'python', [0, 1]);
  const { SearchClient } = await import('../kit/cluster.ts');
  const client = new SearchClient(address);
  t.teardown(() => client.close());
  t.is((await client.call('TopK', {})).code, status.FAILED_PRECONDITION);
  t.is((await client.call('TopK', {}, { metadata: { 'regather-shard': '1' } })).response.best, '1');
});

async function missing(client: SearchClient, fault: string, timeoutMs: number): Promise<string[]> {
  const answer = await client.call('Some', { fault }, { metadata: { 'grpc-timeout': `${timeoutMs}m` } });
  return (answer.coverage?.missing ?? []).map(
    ({ cause, shards, detail }) => `${cause} ${shards.map(({ first }) => first)} ${detail}`,
  );
}

/** Whether an item of the answer has a field without presence that is zero. */
function zeros(
  response: { hits?: { score: number }[]; documents?: object[]; shard?: number } | undefined,
): boolean {
  return (
    response?.shard !== undefined ||
    response?.documents !== undefined ||
    (response?.hits ?? []).some(({ score }) => score === 0)
  );
}

function sorted(items: readonly unknown[]): string[] {
  return items.map((item) => JSON.stringify(item)).sort();
}
