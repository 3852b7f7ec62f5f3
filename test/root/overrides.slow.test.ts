/** What an operator says of breakers: over the admin port and the command line, and what answers look like then. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { staticTopology } from '../../root/topology/static.ts';
import type { Topology } from '../../root/topology/topology.ts';
import { startRoot, startWorker } from '../kit/cluster.ts';
import { folderWith, regather } from '../ops/process.ts';

const SHARDS = 2;

async function setUp(t: ExecutionContext) {
  const ids = ['w0', 'w1'];
  const started = await Promise.all(
    ids.map((id) => startWorker(t, id, { shards: [0, 1], shardCount: SHARDS })),
  );
  const workers = started.map(({ id, address, shards }) => ({ id, address, shards, weight: 1 }));
  const topology = (epoch: number, of: readonly (typeof workers)[number][]): Topology => ({
    epoch,
    shardCount: SHARDS,
    virtualShards: 4096,
    workers: of,
  });
  let use: (topology: Topology) => void = () => {};
  const provider = staticTopology(topology(1, workers));
  const { root, client, admin, address } = await startRoot(t, started, {
    admin: '127.0.0.1:0',
    topology: {
      ...provider,
      start(onTopology, onError) {
        use = onTopology;
        return provider.start(onTopology, onError);
      },
      stop: () => provider.stop(),
    },
  });
  const folder = folderWith(t, {});
  const cli = (...args: string[]) => regather(folder, 'breaker', ...args, '--admin', admin!);
  const replicas = () => {
    const { shards } = root.status() as {
      shards: { replicas: { worker: string; breaker: string; override?: string }[] }[];
    };
    return shards.map(({ replicas }) => replicas);
  };
  return {
    root,
    client,
    admin,
    folder,
    address,
    cli,
    replicas,
    workers,
    use: (epoch: number, of = workers) => use(topology(epoch, of)),
  };
}

const causes = ({ coverage }: { coverage?: { missing: { cause: string }[] } | undefined }) =>
  coverage?.missing.map(({ cause }) => cause);

test('held open, a worker gets nothing; as the last one too, until it is left to itself', async (t) => {
  const { client, cli, root } = await setUp(t);
  const opened = await cli('open', 'w0');
  t.is(opened.code, 0, opened.err);
  t.is(opened.out, 'w0: held open, the breaker is open\n');
  for (let i = 0; i < 4; i++) {
    const answer = await client.call('Info', {});
    t.is(answer.code, status.OK, answer.details);
  }
  const { workers } = root.status() as { workers: { id: string; inFlight: number; breakerWhy?: string }[] };
  t.is(workers[0]!.breakerWhy, 'an operator opened it');
  t.is((await cli('open', 'w1/1')).code, 0);
  const failed = await client.call('TopK', {});
  t.is(failed.code, status.UNAVAILABLE);
  t.deepEqual(causes(failed), ['BREAKER_OPEN']);
  t.regex(failed.details, /w1 \(.*\) is behind a breaker that an operator opened/);
  const partial = await client.call('Some', {});
  t.is(partial.code, status.OK, partial.details);
  t.deepEqual(causes(partial), ['BREAKER_OPEN']);
  const json = JSON.parse((await cli('auto', 'w0', '--json')).out) as object;
  t.like(json, { worker: 'w0', word: 'auto', state: 'closed' });
  t.is((await client.call('TopK', {})).code, status.OK);
});

test('what was said holds over topologies that name the worker, and is forgotten with it', async (t) => {
  const { cli, replicas, workers, use } = await setUp(t);
  await cli('open', 'w0/1');
  await cli('close', 'w1');
  t.is(replicas()[1]![0]!.override, 'open');
  use(2);
  t.is(replicas()[1]![0]!.override, 'open');
  // Another address is another connection, with breakers of its own; the word is the worker's.
  use(3, [{ ...workers[0]!, address: workers[0]!.address.replace('127.0.0.1', 'localhost') }, workers[1]!]);
  t.is(replicas()[1]![0]!.override, 'open');
  use(4, [workers[1]!]);
  use(5);
  t.is(replicas()[1]![0]!.override, undefined);
});

test('shards shows what is held, and targets that are not there are wrong usage', async (t) => {
  const { cli, admin, folder } = await setUp(t);
  await cli('open', 'w1/0');
  await cli('close', 'w0');
  const { out } = await regather(folder, 'shards', '--admin', admin!);
  t.regex(out, /^0 +w0 link \(worker's breaker held closed\), w1 link \(breaker held open\)$/m);
  t.regex(out, /^1 +w0 link \(worker's breaker held closed\), w1 link$/m);
  for (const [args, message] of [
    [['open', 'ww0'], 'Expected a worker of the topology, got "ww0". Did you mean "w0"?'],
    [['open', 'db'], 'Expected a worker of the topology, got "db". The topology has: w0, w1'],
    [['open', 'w0/7'], 'Expected a shard of w0 (0, 1), got "7"'],
    [['shut', 'w0'], 'Expected one of open, close, auto, got "shut"'],
  ] as const) {
    const { code, err } = await cli(...args);
    t.is(code, 2);
    t.is(err, `${message}\n`);
  }
  const get = await fetch(`http://${admin}/breaker?target=w0&set=open`);
  t.is(get.status, 404, 'only by POST');
  const foreign = await fetch(`http://${admin}/breaker?target=w0&set=open`, {
    method: 'POST',
    headers: { origin: 'http://example.com' },
  });
  t.is(foreign.status, 403, 'not from a page in a browser');
});

test('call --explain draws the attempts on stderr, and has them in --json', async (t) => {
  const { folder, address } = await setUp(t);
  const args = ['call', 'TopK', '{"fault":"sleep:50@1"}', '--address', address, '--explain'];
  const drawn = await regather(folder, ...args);
  t.is(drawn.code, 0, drawn.err);
  t.regex(
    drawn.err,
    /^shard [01] on w[01]: .* of [\d.]+ ms; hedge not sent: too little is known of its latency$/m,
  );
  t.regex(drawn.err, /^TopK: ALL, 2 tasks, epoch 1; attempts: 2 first; no hedging \(few_samples\); /m);
  const [, serviceMs] = /^1 w[01] +─*·*█+.*service ([\d.]+) ms/m.exec(drawn.err) ?? [];
  t.true(Number(serviceMs) >= 49, drawn.err);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no colour where there is no terminal
  t.notRegex(drawn.err, /\u001b/);
  t.notThrows(() => JSON.parse(drawn.out), 'the answer alone is on stdout');
  const json = JSON.parse((await regather(folder, ...args, '--json')).out);
  t.is(json.explain.shards.length, 2);
  t.is(json.explain.tasks, 2);
  const failed = await regather(
    folder,
    'call',
    'TopK',
    '{"fault":"fail:9@0"}',
    '--address',
    address,
    '--explain',
  );
  t.is(failed.code, 1);
  t.regex(failed.err, /×+ .*failed: FAILED_PRECONDITION: shard 0 was told to fail/);
});
