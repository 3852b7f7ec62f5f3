/** Partial answers end to end: when they are handed over, what a request may ask for, and documents, with real workers that hang. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { RootOptions } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { type Answer, forkWorker, searchPlan, startRoot, startWorker } from '../kit/cluster.ts';
import { HITS_PER_SHARD } from '../kit/search-shard.ts';

/** The search service, with `Some` declared otherwise. */
function planWith(changes: Partial<MethodPlan>): RootOptions['plan'] {
  const methods = searchPlan.methods.map((method) =>
    method.name === 'Some' ? { ...method, ...changes } : method,
  );
  return { ...searchPlan, methods };
}

const ninety = planWith({ minCoverage: 0.9, minCoverageFloor: 0.5 });

const SHARDS = 16;
const span = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

/** Sixteen shards on two worker processes: a shard that hangs shares its worker with seven that don't. */
async function setUp(t: ExecutionContext, options: Partial<RootOptions> & { ready?: boolean } = {}) {
  const workers = await Promise.all([
    forkWorker(t, 'w0', { shards: span(0, 8), shardCount: SHARDS, concurrency: 16 }),
    forkWorker(t, 'w1', { shards: span(8, 8), shardCount: SHARDS, concurrency: 16 }),
  ]);
  return { ...(await startRoot(t, workers, { plan: ninety, ...options })), workers };
}

const causes = ({ coverage }: Answer) =>
  coverage?.missing.map(({ cause, count, attempts }) => [cause, count, attempts]);

/** Metrics of the root, by their line without the value. */
async function metric(admin: string, line: string): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test.serial(
    `with min_coverage, a hung shard costs the adaptive wait and not the deadline, ${how}`,
    async (t) => {
      const { client, workers } = await setUp(t, { links });
      // A deadline that no test would wait for: this ends because enough is in, or not at all.
      const answer = await client.call(
        'Some',
        { fault: 'hang@5' },
        { metadata: { 'grpc-timeout': '4000m' } },
      );
      t.is(answer.code, status.OK, answer.details);
      t.is(answer.response.total, String(15 * HITS_PER_SHARD));
      t.deepEqual(causes(answer), [['NOT_AWAITED', 1, 1]]);
      t.deepEqual(answer.coverage!.missing[0]!.shards, [{ first: 5, last: 5 }]);
      t.regex(answer.coverage!.missing[0]!.detail, /^enough was in after \d+ ms$/);
      const afterMs = Number(/after (\d+) ms/.exec(answer.coverage!.missing[0]!.detail)![1]);
      t.true(afterMs < 3500, `${afterMs} ms`);
      // G7: the hung handler was told to stop.
      let counts = await workers[0]!.counts();
      while (counts.finished < counts.started) counts = await workers[0]!.counts();
      t.is(counts.aborted, 1);
    },
  );

  test.serial(`a quorum is handed over at once, and the rest stops, ${how}`, async (t) => {
    const plan = planWith({ minCoverage: 0, minCoverageFloor: 0, quorum: 3 });
    const { client, workers } = await setUp(t, { links, plan });
    const late = span(0, 16).filter((shard) => shard % 4 !== 1);
    const fault = `hang@${late.join(',')}`;
    const answer = await client.call('Some', { fault }, { metadata: { 'grpc-timeout': '4000m' } });
    t.is(answer.code, status.OK, answer.details);
    t.true(answer.coverage!.answered >= 3);
    t.is(causes(answer)![0]![0], 'NOT_AWAITED');
    t.is(answer.response.total, String(answer.coverage!.answered * HITS_PER_SHARD));
    for (const worker of workers) {
      let counts = await worker.counts();
      while (counts.finished < counts.started) counts = await worker.counts();
    }
    const failed = await client.call(
      'Some',
      { fault: `fail:9@${span(0, 14).join(',')}` },
      { metadata: { 'grpc-timeout': '4000m' } },
    );
    t.is(failed.code, status.FAILED_PRECONDITION);
    t.regex(failed.details, /2 of 16 shards answered, quorum is 3; missing 0-13/);
  });
}

test.serial(
  'what a request asks for takes the place of its minimum, within what the method allows',
  async (t) => {
    const { client } = await setUp(t);
    const ask = (share: string, fault: string, method = 'Some') =>
      client.call(
        method,
        { fault },
        { metadata: { 'regather-min-coverage': share, 'grpc-timeout': '4000m' } },
      );
    const less = await ask('0.5', `fail:9@${span(0, 8).join(',')}`);
    t.is(less.code, status.OK, less.details);
    t.is(less.coverage?.answered, 8);
    const whole = await ask('1', 'fail:9@3');
    t.is(whole.code, status.FAILED_PRECONDITION);
    t.regex(whole.details, /15 of 16 shards answered; missing 3/);
    const below = await ask('0.4', '');
    t.is(below.code, status.INVALID_ARGUMENT);
    t.is(
      below.details,
      'Expected metadata "regather-min-coverage" to be one number 0.5..1, got "0.4" (acme.search.v1.Search/Some)',
    );
    t.is((await ask('0.9', '', 'TopK')).code, status.INVALID_ARGUMENT, 'every shard is what TopK allows');
    t.is((await ask('1', '', 'TopK')).code, status.OK);
    t.is((await ask('1', '', 'Get')).code, status.INVALID_ARGUMENT, 'a key is asked for first');
  },
);

test.serial('the key is no business of shards', async (t) => {
  const { client } = await setUp(t);
  const answer = await client.call('Info', {}, { metadata: { 'regather-min-coverage': '1', mine: 'x' } });
  t.deepEqual(JSON.parse(answer.response.body), { mine: 'x' });
});

test.serial('where shards have documents, coverage and its minimum are of them', async (t) => {
  const workers = await Promise.all([
    startWorker(t, 'w0', { shards: [0, 1], shardCount: 4 }),
    startWorker(t, 'w1', { shards: [2, 3], shardCount: 4 }),
  ]);
  const topology = staticTopology({
    epoch: 2 ** 40,
    shardCount: 4,
    virtualShards: 4096,
    documents: [9_000_000_000, 500_000_000, 500_000_000, 0],
    workers: workers.map(({ id, address, shards }) => ({ id, address, shards, weight: 1 })),
  });
  const { client } = await startRoot(t, workers, { plan: ninety, topology });
  const large = await client.call('Some', { fault: 'fail:9@1,2,3' });
  t.is(large.code, status.OK, '9 of 10 billion documents are in one of four shards');
  t.like(large.coverage, {
    expected: 4,
    answered: 1,
    expectedDocuments: '10000000000',
    answeredDocuments: '9000000000',
    epoch: String(2 ** 40),
  });
  const small = await client.call('Some', { fault: 'fail:9@0' });
  t.is(small.code, status.FAILED_PRECONDITION);
  t.regex(
    small.details,
    /3 of 4 shards answered, 1000000000 of 10000000000 documents, min_coverage is 0.9; missing 0/,
  );
  const whole = await client.call('TopK', {});
  t.like(whole.coverage, { expectedDocuments: '10000000000', answeredDocuments: '10000000000' });
  const empty = await client.call('TopK', { fault: 'fail:9@3' });
  t.is(empty.code, status.FAILED_PRECONDITION, 'every shard is every shard, an empty one too');
  const key = await client.call('Get', { id: 'a' });
  t.is(key.coverage?.expectedDocuments, '0', 'a key is no search through documents');
});

test.serial(
  'documents compose in trees, rounded down; and what a request asks for reaches the roots below',
  async (t) => {
    const inner = [];
    for (const name of ['a', 'b']) {
      const worker = await startWorker(t, name, { shards: [0, 1, 2], shardCount: 3 });
      inner.push(
        await startRoot(t, [worker], { id: `root-${name}`, plan: planWith({ minCoverageFloor: 0.3 }) }),
      );
    }
    const workers = inner.map(({ address }, shard) => ({ id: `root-${shard}`, address, shards: [shard] }));
    const topology = staticTopology({
      epoch: 1,
      shardCount: 2,
      virtualShards: 4096,
      documents: [100, 50],
      workers: workers.map((worker) => ({ ...worker, weight: 1 })),
    });
    const { client } = await startRoot(t, workers, { plan: planWith({ minCoverageFloor: 0.3 }), topology });
    const partial = await client.call('Some', { fault: 'fail:9@1' });
    t.is(partial.code, status.OK, partial.details);
    t.like(partial.coverage, {
      expected: 6,
      answered: 4,
      expectedDocuments: '150',
      // Two thirds of 100, and of 50, each rounded down.
      answeredDocuments: String(66 + 33),
    });
    const half = await client.call('Some', { fault: 'fail:9@1,2' });
    t.is(half.code, status.FAILED_PRECONDITION, 'a third is below the half that each root wants');
    const third = await client.call(
      'Some',
      { fault: 'fail:9@1,2' },
      { metadata: { 'regather-min-coverage': '0.3' } },
    );
    t.is(third.code, status.OK, third.details);
    t.like(third.coverage, { expected: 6, answered: 2, answeredDocuments: String(33 + 16) });
    const whole = await client.call(
      'Some',
      { fault: 'fail:9@1' },
      { metadata: { 'regather-min-coverage': '1' } },
    );
    t.is(whole.code, status.FAILED_PRECONDITION);
  },
);

test.serial('metrics tell how often an answer ended early, why, and what it had', async (t) => {
  const worker = await startWorker(t, 'w0', { shards: span(0, 10), shardCount: 10 });
  const { admin, client } = await startRoot(t, [worker], {
    plan: planWith({ minCoverage: 0.5, quorum: 9 }),
    admin: '127.0.0.1:0',
  });
  const timeout = { metadata: { 'grpc-timeout': '4000m' } };
  t.is((await client.call('Some', { fault: 'hang@9' }, timeout)).coverage?.answered, 9);
  t.is((await client.call('Some', { fault: 'hang@8,9' }, timeout)).coverage?.answered, 8);
  const labels = 'method="Some"';
  t.is(await metric(admin!, `regather_root_answers_early_total{${labels},reason="quorum"}`), 1);
  t.is(await metric(admin!, `regather_root_answers_early_total{${labels},reason="adaptive"}`), 1);
  t.true((await metric(admin!, `regather_root_wait_saved_seconds_total{${labels}}`)) > 4);
  t.is(await metric(admin!, `regather_root_answer_coverage_count{${labels}}`), 2);
  t.is(await metric(admin!, `regather_root_missing_shards_total{cause="NOT_AWAITED"}`), 3);
});
