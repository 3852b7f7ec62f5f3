/** What `regather-explain` tells of real answers, failures and streams. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type Answer, explainOf, startRoot, startWorker } from '../kit/cluster.ts';

const SHARDS = 4;
const asked = { 'regather-explain': '1' };

async function setUp(t: ExecutionContext, { links = true, replicas = 1 } = {}) {
  const shards =
    replicas === 1
      ? [
          [0, 1],
          [2, 3],
        ]
      : [
          [0, 1, 2, 3],
          [0, 1, 2, 3],
        ];
  const workers = await Promise.all(
    shards.map((mine, i) => startWorker(t, `w${i}`, { shards: mine, shardCount: SHARDS })),
  );
  const started = await startRoot(t, workers, { links });
  // The first call of all compiles and connects.
  await started.client.call('TopK', {});
  return started;
}

interface AttemptSeen {
  kind: string;
  worker: string;
  outcome: string;
  startedUs: number;
  tookUs: number;
  queueUs: number;
  serviceUs: number;
  heldUs: number;
  wireUs: number;
  detail: string;
}

function attemptsOf(answer: Answer, shard: number): AttemptSeen[] {
  return explainOf(answer).shards.find((one: { shard: number }) => one.shard === shard).attempts;
}

test.serial('nothing is told that was not asked for', async (t) => {
  const { client } = await setUp(t);
  for (const metadata of [{}, { 'regather-explain': '0' }] as Record<string, string>[]) {
    const answer = await client.call('TopK', {}, { metadata });
    t.is(answer.code, status.OK);
    t.is(explainOf(answer), undefined);
  }
});

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test.serial(`an answer: the slow shard comes first and is what set the latency, ${how}`, async (t) => {
    const { client } = await setUp(t, { links });
    const answer = await client.call('TopK', { fault: 'sleep:300@2' }, { metadata: asked });
    t.is(answer.code, status.OK, answer.details);
    const explain = explainOf(answer);
    t.like(explain, {
      method: 'TopK',
      scatter: 'ALL',
      tasks: SHARDS,
      epoch: '1',
      primaries: SHARDS,
      hedges: 0,
      retries: 0,
      truncated: false,
      shardsLeftOut: 0,
    });
    t.true(explain.totalUs >= 299_000);
    t.true(explain.allowedUs > explain.totalUs);
    t.true(explain.reducers.some((text: string) => text.startsWith('hits: top by score desc')));
    const [slow] = attemptsOf(answer, 2);
    t.like(slow, { kind: 'PRIMARY', worker: 'w1', outcome: 'ANSWERED' });
    if (links) {
      t.is(explain.shards.length, SHARDS);
      t.true(slow!.serviceUs >= 299_000);
      t.regex(
        explain.verdict,
        /^shard [23] on w1: (service|waiting for other shards of its call) [\d.]+ ms of [\d.]+ ms; hedge not sent: /,
      );
      const [quick] = attemptsOf(answer, 3);
      t.true(quick!.serviceUs < slow!.serviceUs);
      t.is(quick!.tookUs, quick!.queueUs + quick!.serviceUs + quick!.heldUs + quick!.wireUs);
    } else {
      t.is(explain.shards[0].shard, 2);
      t.regex(explain.verdict, /^shard 2 on w1: answered after [\d.]+ ms of [\d.]+ ms; hedge not sent: /);
    }
    t.true(answer.trailer.get('regather-explain-bin')[0]!.length <= 2048);
  });

  test.serial(`a failure: which attempts there were, and how they failed, ${how}`, async (t) => {
    const { client } = await setUp(t, { links, replicas: 2 });
    const answer = await client.call('TopK', { fault: 'fail:14@1' }, { metadata: asked });
    t.is(answer.code, status.UNAVAILABLE);
    const explain = explainOf(answer);
    t.is(explain.retries, 1);
    const attempts = attemptsOf(answer, 1);
    t.deepEqual(
      attempts.map(({ kind, outcome }) => [kind, outcome]),
      [
        ['PRIMARY', 'FAILED'],
        ['RETRY', 'FAILED'],
      ],
    );
    t.not(attempts[0]!.worker, attempts[1]!.worker);
    t.regex(attempts[0]!.detail, /^UNAVAILABLE: shard 1 was told to fail/);
    t.is(explain.shards.find((one: { shard: number }) => one.shard === 1).missing, 'UNAVAILABLE');
    t.true(attempts[1]!.startedUs >= attempts[0]!.startedUs + attempts[0]!.tookUs);
  });

  test.serial(`a deadline: who had not answered, ${how}`, async (t) => {
    const { client } = await setUp(t, { links });
    const metadata = { ...asked, 'grpc-timeout': '500m' };
    const answer = await client.call('TopK', { fault: 'hang@3' }, { metadata });
    t.is(answer.code, status.DEADLINE_EXCEEDED, answer.details);
    const explain = explainOf(answer);
    // The worker's own timer is for the same moment, and may be first.
    const { outcome } = attemptsOf(answer, 3)[0]!;
    if (outcome === 'FAILED')
      t.regex(explain.verdict, /^shard 3: w1 failed after \d+ ms of \d+ ms: DEADLINE_EXCEEDED/);
    else {
      t.is(outcome, 'TIMED_OUT');
      t.regex(explain.verdict, /^shard [23]: w1 had not answered after \d+ ms of \d+ ms/);
    }
  });

  test.serial(`a stream: the shards that ended last, ${how}`, async (t) => {
    const { client } = await setUp(t, { links });
    const answer = await client.stream('List', { perShard: 2, fault: 'sleep:50@0' }, { metadata: asked });
    t.is(answer.code, status.OK, answer.details);
    const explain = explainOf(answer);
    t.is(explain.tasks, SHARDS);
    t.is(explain.notHedged, 'no_replica');
    t.true(
      explain.shards.every(
        ({ attempts }: { attempts: AttemptSeen[] }) => attempts[0]!.outcome === 'ANSWERED',
      ),
    );
    t.is(attemptsOf(answer, 0)[0]!.worker, 'w0');
    t.true(attemptsOf(answer, 0)[0]!.tookUs >= 49_000);
  });
}

test.serial('where nobody can be asked, there is no attempt to tell of', async (t) => {
  const { client, root } = await setUp(t);
  t.is(root.state, 'ready');
  const lone = await startRoot(t, [{ id: 'gone', address: '127.0.0.1:1', shards: [0, 1] }], { ready: false });
  const answer = await lone.client.call('TopK', {}, { metadata: asked });
  t.is(answer.code, status.UNAVAILABLE);
  t.regex(explainOf(answer).verdict, /^shard \d: unavailable, no replica could be asked/);
  t.is((await client.call('TopK', {})).code, status.OK);
});

test.serial('what is asked for is a number of bytes', async (t) => {
  const { client } = await setUp(t);
  for (const value of ['yes', '2', '-1', '1.5']) {
    const answer = await client.call('TopK', {}, { metadata: { 'regather-explain': value } });
    t.is(answer.code, status.INVALID_ARGUMENT);
    t.regex(answer.details, /Expected regather-explain to be 0, 1, or a number of bytes from 256, got /);
  }
  const small = await client.call('TopK', {}, { metadata: { 'regather-explain': '256' } });
  t.true(small.trailer.get('regather-explain-bin')[0]!.length <= 256);
  t.true(explainOf(small).truncated);
  t.is(explainOf(small).shards.length + explainOf(small).shardsLeftOut, SHARDS);
  t.is((await client.call('TopK', {}, { metadata: { 'regather-explain': '999999' } })).code, status.OK);
});
