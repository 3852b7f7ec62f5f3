/** A client in another language before a root: statuses, trailers, deadlines and cancellation as it sees them. */
import { shardOf } from '../../shared/keys/shard-of.ts';
import { forkWorker, startRoot } from '../kit/cluster.ts';
import { foreign, pythonClient, pythonMessages } from './python.ts';

const SHARDS = 4;
type Tester = Parameters<typeof pythonMessages>[0];

async function setUp(t: Tester) {
  const folder = pythonMessages(t);
  const workers = await Promise.all([
    forkWorker(t, 'w0', { shards: [0, 1], shardCount: SHARDS }),
    forkWorker(t, 'w1', { shards: [2, 3], shardCount: SHARDS }),
  ]);
  const { root, address } = await startRoot(t, workers);
  const running = async (): Promise<number> => {
    const counts = await Promise.all(workers.map((worker) => worker.counts()));
    return counts.reduce((sum, { started, finished }) => sum + started - finished, 0);
  };
  return { folder, root, address, running };
}

const missingOne = {
  expected: SHARDS,
  answered: SHARDS - 1,
  missing: [
    {
      cause: 'FAILED',
      count: 1,
      shards: [{ first: 1, last: 1 }],
      detail: 'shard 1 was told to fail',
      attempts: 1,
    },
  ],
  epoch: '1',
  truncated: false,
  expectedDocuments: '0',
  answeredDocuments: '0',
};

foreign('Python: unary calls, the coverage trailer, and the coverage in google.rpc.Status', async (t) => {
  const { folder, address } = await setUp(t);
  const { top, many, none, partial, failed } = await pythonClient(t, folder, address, 'unary').told;
  t.is(top.code, 'OK', top.details);
  t.is(top.response.total, '80');
  t.is(top.response.hits.length, 5);
  const whole = {
    expected: SHARDS,
    answered: SHARDS,
    missing: [],
    epoch: '1',
    truncated: false,
    expectedDocuments: '0',
    answeredDocuments: '0',
  };
  t.deepEqual(top.coverage, whole);
  t.deepEqual(top.response.coverage, whole);
  t.deepEqual(
    many.response.documents.map(({ id, shard }: { id: string; shard: number }) => [id, shard]),
    ['b', 'a', 'b'].map((id) => [id, shardOf(id, SHARDS)]),
  );
  t.like(none, { code: 'NOT_FOUND', details: 'no document missing-1' });
  t.is(none.status.code, 5);
  t.is(partial.code, 'OK', partial.details);
  t.deepEqual(partial.coverage, missingOne);
  t.is(failed.code, 'FAILED_PRECONDITION');
  t.deepEqual(failed.coverage, missingOne);
  t.deepEqual(failed.status.types, ['type.googleapis.com/regather.v1.Coverage']);
  t.deepEqual(failed.status.coverage, missingOne);
  t.is(failed.status.code, 9);
  t.is(failed.status.message, failed.details);
});

foreign('Python: streams, whole, partial and failed', async (t) => {
  const { folder, address } = await setUp(t);
  const { whole, partial, failed } = await pythonClient(t, folder, address, 'streaming').told;
  const ids = (shards: number[]) => shards.flatMap((shard) => [0, 1, 2].map((i) => `s${shard}-${i}`));
  t.is(whole.code, 'OK', whole.details);
  t.deepEqual(whole.items, ids([0, 1, 2, 3]));
  t.is(whole.coverage.answered, SHARDS);
  t.is(partial.code, 'OK', partial.details);
  t.deepEqual(partial.items, ids([0, 2, 3]));
  t.deepEqual(partial.coverage, missingOne);
  t.is(failed.code, 'FAILED_PRECONDITION');
  t.deepEqual(failed.status.coverage.missing, missingOne.missing);
});

foreign(
  'Python: at the deadline the client has its status, with a timer of its own or without',
  async (t) => {
    const { folder, address, running } = await setUp(t);
    const [own, none] = await Promise.all([
      pythonClient(t, folder, address, 'deadline').told,
      pythonClient(t, folder, address, 'timerless').told,
    ]);
    t.is(own.code, 'DEADLINE_EXCEEDED');
    t.is(none.code, 'DEADLINE_EXCEEDED');
    // Said by the root: it names the shards.
    t.regex(none.details, /0 of 4 shards answered; missing 0-3: shard 0: timeout/);
    t.is(none.status.coverage.missing[0].cause, 'TIMEOUT');
    t.true(none.seconds < 3, `it took ${none.seconds} s`);
    while ((await running()) > 0);
  },
);

foreign('Python: a client that leaves stops the shards', async (t) => {
  const { folder, address, running, root } = await setUp(t);
  const { child, told } = pythonClient(t, folder, address, 'cancel');
  while ((await running()) < 2 * SHARDS);
  child.stdin.write('\n');
  t.deepEqual(await told, { unary: 'CANCELLED', stream: 'CANCELLED' });
  while ((await running()) > 0);
  t.is((root.status() as { inFlight: number }).inFlight, 0);
});

foreign('Python: health says SERVING, and reflection alone is enough to call the service', async (t) => {
  const { folder, address } = await setUp(t);
  t.deepEqual(await pythonClient(t, folder, address, 'health').told, ['SERVING', 'SERVING']);
  const { services, files, answer } = await pythonClient(t, folder, address, 'reflection').told;
  t.true(services.includes('acme.search.v1.Search'));
  t.true(files.includes('regather/v1/annotations.proto'));
  t.is(answer.total, '80');
  t.is(answer.seen[3], 'shard 3: r');
});
