/** What a client sees when shards are slow, dead or wrong (G1, G2, G3, G7, G9), with real worker processes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { PolicyOptions } from '../../root/policy.ts';
import { type Answer, forkWorker, type RunningWorker, startRoot, startWorker } from '../kit/cluster.ts';
import { HITS_PER_SHARD } from '../kit/search-shard.ts';

const SHARDS = 4;

/** Two workers with two shards each, in this process. */
async function setUp(t: ExecutionContext, links = true, policy: PolicyOptions = {}) {
  const workers = await Promise.all([
    startWorker(t, 'w0', { shards: [0, 1], shardCount: SHARDS }),
    startWorker(t, 'w1', { shards: [2, 3], shardCount: SHARDS }),
  ]);
  return startRoot(t, workers, { links, policy });
}

/** A partial answer that waits for the rest as long as it may. */
const patient: PolicyOptions = { coverage: { wait: 1, tail: 1000 } };

/** Which of the workers has begun both tasks of a call. A root is ready with the first worker of a shard, so it may be either. */
async function firstToStart(workers: readonly RunningWorker[]): Promise<RunningWorker> {
  for (;;) {
    for (const worker of workers) if ((await worker.counts()).started >= 2) return worker;
  }
}

const causes = (answer: Answer) =>
  answer.coverage?.missing.map(({ cause, shards }) => [
    cause,
    shards.flatMap(({ first, last }) => [first, last]),
  ]);

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test.serial(`G2: without a shard there is an error that names it and its cause, ${how}`, async (t) => {
    const { client } = await setUp(t, links);
    const answer = await client.call('TopK', { fault: 'fail:9@2' });
    t.is(answer.code, status.FAILED_PRECONDITION);
    t.regex(answer.details, /3 of 4 shards answered; missing 2: shard 2: failed: shard 2 was told to fail/);
    t.deepEqual(causes(answer), [['FAILED', [2, 2]]]);
    t.true(answer.trailer.get('grpc-status-details-bin')[0] instanceof Buffer);
  });

  test.serial(`G2: min_coverage answers without it, and says so in trailer and field, ${how}`, async (t) => {
    const { client } = await setUp(t, links);
    const answer = await client.call('Some', { fault: 'fail:9@0,1' });
    t.is(answer.code, status.OK, answer.details);
    t.is(answer.response.total, String(2 * HITS_PER_SHARD));
    t.deepEqual(causes(answer), [['FAILED', [0, 1]]]);
    t.is(answer.response.coverage.answered, 2);
    const less = await client.call('Some', { fault: 'fail:9@0,1,3' });
    t.is(less.code, status.FAILED_PRECONDITION);
    t.regex(less.details, /1 of 4 shards answered, min_coverage is 0.5; missing 0-1, 3/);
  });

  test.serial(
    `G9: a partial that doesn't decode is its shard's failure, and nobody else's, ${how}`,
    async (t) => {
      const { client } = await setUp(t, links);
      const answer = await client.call('TopK', { fault: 'garbage@1' });
      t.is(answer.code, status.INTERNAL);
      t.deepEqual(
        answer.coverage?.missing.map(({ cause }) => cause),
        ['MALFORMED'],
      );
      t.regex(answer.details, /missing .*1/);
      t.is((await client.call('TopK', {})).code, status.OK);
    },
  );

  test.serial(
    `a partial above max_answer_bytes is its shard's failure and names both sizes, ${how}`,
    async (t) => {
      const { client } = await setUp(t, links);
      const answer = await client.call('Some', { fault: 'huge:5000000@1' });
      t.is(answer.code, status.OK, answer.details);
      t.is(answer.coverage?.answered, 3, JSON.stringify(answer.coverage));
      t.regex(answer.coverage!.missing[0]!.detail, /4194304 bytes.*50000\d\d/);
    },
  );

  test.serial(
    `an answer above max_answer_bytes is RESOURCE_EXHAUSTED and names both sizes, ${how}`,
    async (t) => {
      const { client } = await setUp(t, links);
      const answer = await client.call('TopK', { fault: 'huge:2000000@*' });
      t.is(answer.code, status.RESOURCE_EXHAUSTED);
      t.regex(answer.details, /80000\d\d bytes.*4194304/);
    },
  );

  test.serial(`G1, G7: at the deadline the client has its status, and the shard stops, ${how}`, async (t) => {
    const worker = await forkWorker(t, 'w0', { shards: [0, 1], shardCount: 2 });
    const { client } = await startRoot(t, [worker], { links });
    // Both processes have run all of that code once: what hasn't begun by the deadline never begins.
    t.is((await client.call('TopK', {})).code, status.OK);
    const answer = await client.call('TopK', { fault: 'hang@1' }, { timeoutMs: 1000 });
    t.is(answer.code, status.DEADLINE_EXCEEDED);
    let counts = await worker.counts();
    while (counts.finished < counts.started) counts = await worker.counts();
    t.deepEqual(counts, { started: 4, aborted: 1, finished: 4 });
  });

  test.serial(`a partial answer leaves before the deadline, ${how}`, async (t) => {
    const { client } = await setUp(t, links, patient);
    // Without a timer of its own, the client gets whatever the root hands over.
    const answer = await client.call('Some', { fault: 'hang@1' }, { metadata: { 'grpc-timeout': '2000m' } });
    t.is(answer.code, status.OK, answer.details);
    t.deepEqual(causes(answer), [['TIMEOUT', [1, 1]]]);
  });

  test.serial(`G7: when the client leaves, the shards stop, ${how}`, async (t) => {
    const worker = await forkWorker(t, 'w0', { shards: [0, 1], shardCount: 2 });
    const { client, root } = await startRoot(t, [worker], { links });
    let cancel = () => {};
    const answering = client.call('TopK', { fault: 'hang@*' }, { started: (stop) => (cancel = stop) });
    while ((await worker.counts()).started < 2);
    cancel();
    t.is((await answering).code, status.CANCELLED);
    let counts = await worker.counts();
    while (counts.finished < 2) counts = await worker.counts();
    t.is(counts.aborted, 2);
    t.is((root.status() as { inFlight: number }).inFlight, 0);
  });

  test.serial(`a worker killed in the middle of a query: its other replica answers, ${how}`, async (t) => {
    const workers = await Promise.all(
      ['w0', 'w1'].map((id) => forkWorker(t, id, { shards: [0, 1], shardCount: 2 })),
    );
    const { client } = await startRoot(t, workers, { links });
    const answers = [client.call('TopK', { fault: 'hold@*' }), client.call('TopK', { fault: 'hold@*' })];
    const victim = await firstToStart(workers);
    victim.process!.kill('SIGKILL');
    for (const worker of workers) if (worker !== victim) worker.process!.send({ release: true });
    for (const answer of await Promise.all(answers)) {
      t.is(answer.code, status.OK, answer.details);
      t.is(answer.response.total, String(2 * HITS_PER_SHARD));
      t.is(answer.coverage?.answered, 2);
    }
  });

  test.serial(`a worker killed without another replica: an error names its shards, ${how}`, async (t) => {
    const workers = await Promise.all([
      forkWorker(t, 'w0', { shards: [0, 1], shardCount: 4 }),
      forkWorker(t, 'w1', { shards: [2, 3], shardCount: 4 }),
    ]);
    const { client } = await startRoot(t, workers, { links });
    const failed = await client.call('TopK', { fault: 'exit@2' });
    t.is(failed.code, status.UNAVAILABLE, failed.details);
    t.regex(failed.details, /2 of 4 shards answered; missing 2-3: shard 2: unavailable/);
    const partial = await client.call('Some', {});
    t.is(partial.code, status.OK, partial.details);
    t.deepEqual(causes(partial), [['UNAVAILABLE', [2, 3]]]);
  });

  test.serial(`what isn't idempotent isn't sent twice after it started, ${how}`, async (t) => {
    const workers = await Promise.all(
      ['w0', 'w1'].map((id) => forkWorker(t, id, { shards: [0, 1], shardCount: 2 })),
    );
    const { client } = await startRoot(t, workers, { links });
    const before = client.call('Count', { fault: 'hold@*' });
    while ((await workers[0]!.counts()).started + (await workers[1]!.counts()).started < 2);
    const victim = (await workers[0]!.counts()).started > 0 ? workers[0]! : workers[1]!;
    const survivor = victim === workers[0] ? workers[1]! : workers[0]!;
    const { started } = await survivor.counts();
    victim.process!.kill('SIGKILL');
    // Plain tasks may be on either worker; what the survivor has ends well.
    survivor.process!.send({ release: true });
    t.is((await before).code, status.UNAVAILABLE);
    t.is((await survivor.counts()).started, started);
    const after = await client.call('Count', {});
    t.is(after.code, status.OK, after.details);
  });

  test.serial(
    `a stream that breaks off after its first item is an error, or marked incomplete, ${how}`,
    async (t) => {
      const { client } = await setUp(t, links);
      const failed = await client.stream('List', { perShard: 3, fault: '/sleep:20@1;fail:13@1' });
      t.is(failed.code, status.INTERNAL);
      const partial = await client.stream('ListSome', { perShard: 3, fault: '/sleep:20@1;fail:13@1' });
      t.is(partial.code, status.OK, partial.details);
      t.deepEqual(causes(partial), [['INCOMPLETE', [1, 1]]]);
      t.is(partial.items.length, 3 * 3 + 1);
    },
  );
}

test.serial(
  'G6: an answer whose partials do not fit into the root is refused, and the next one is served',
  async (t) => {
    const workers = await Promise.all([
      startWorker(t, 'w0', { shards: [0, 1], shardCount: 4 }),
      startWorker(t, 'w1', { shards: [2, 3], shardCount: 4 }),
    ]);
    const { client } = await startRoot(t, workers, { maxGatherBytes: 100_000 });
    const answer = await client.call('TopK', { fault: 'huge:30000@*' });
    t.is(answer.code, status.RESOURCE_EXHAUSTED);
    t.regex(answer.details, /may hold 100000 \(root\.max_gather_bytes\)/);
    for (let i = 0; i < 100; i++)
      t.is((await client.call('TopK', { fault: 'huge:20000@*' })).code, status.OK);
  },
);

test.serial('a handler that throws is UNKNOWN with its message, and the process lives', async (t) => {
  const { client } = await setUp(t);
  const answer = await client.call('TopK', { fault: 'throw@3' });
  t.is(answer.code, status.UNKNOWN);
  t.regex(answer.details, /shard 3 has a defect/);
  t.is((await client.call('TopK', {})).code, status.OK);
});

test.serial(
  'a worker that accepts TCP and never speaks costs its shards, not the deadline of the others',
  async (t) => {
    const silent = createServer((socket) => t.teardown(() => socket.destroy()));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.teardown(() => silent.close());
    const { port } = silent.address() as { port: number };
    const good = await startWorker(t, 'w0', { shards: [0, 1], shardCount: 4 });
    const { client } = await startRoot(
      t,
      [good, { id: 'w1', address: `127.0.0.1:${port}`, shards: [2, 3] }],
      { ready: false },
    );
    let answer = await client.call('Some', {});
    // The link to the good worker may still be on its way at the first call.
    while (answer.code === status.UNAVAILABLE) answer = await client.call('Some', {});
    t.deepEqual(causes(answer), [['UNAVAILABLE', [2, 3]]]);
  },
);

test.serial('a deadline that leaves no time to merge fails at once and asks nobody', async (t) => {
  const worker = await forkWorker(t, 'w0', { shards: [0], shardCount: 1 });
  const { client } = await startRoot(t, [worker]);
  const answer = await client.call('Some', {}, { metadata: { 'grpc-timeout': '3m' } });
  t.is(answer.code, status.DEADLINE_EXCEEDED);
  t.is((await worker.counts()).started, 0);
});

test.serial(
  "grpc-js's own timer for the deadline is where it is cleared: an answer in time isn't overtaken by it",
  async (t) => {
    const { client } = await setUp(t, true, patient);
    const asked = client.call('Some', { fault: 'hang@1' }, { metadata: { 'grpc-timeout': '300m' } });
    // Both timers are due when the loop is free again; ours must have the only say.
    setTimeout(() => {
      const until = performance.now() + 100;
      while (performance.now() < until);
    }, 250);
    t.is((await asked).code, status.OK);
  },
);
