import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type FileTopologyOptions, fileTopology } from '../../root/topology/file.ts';
import { staticTopology } from '../../root/topology/static.ts';
import type { Topology, TopologyProvider } from '../../root/topology/topology.ts';
import type { RegatherError } from '../../shared/errors/errors.ts';

const one = 'workers: [{ id: w0, address: 127.0.0.1:7100, shards: [1, 0] }]\n';
const two = `workers:
  - { id: w1, address: 127.0.0.1:7101, shards: [1] }
  - { id: w0, address: 127.0.0.1:7100, shards: [0], zone: a, weight: 2 }
`;

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'regather-topology-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What a provider says, one after the other; `next` waits for what hasn't come yet. */
function follow(provider: TopologyProvider) {
  const seen: (Topology | RegatherError)[] = [];
  let taken = 0;
  let wake: (() => void) | undefined;
  const add = (what: Topology | RegatherError): void => {
    seen.push(what);
    wake?.();
  };
  const next = async (): Promise<Topology | RegatherError> => {
    while (seen.length <= taken) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return seen[taken++]!;
  };
  return { started: provider.start(add, add), next, seen };
}

function open(t: ExecutionContext, file: string, options: Partial<FileTopologyOptions> = {}) {
  const provider = fileTopology({
    file,
    name: 'topology.yaml',
    shardCount: 2,
    virtualShards: 4096,
    settleMs: 5,
    secondLookMs: 20,
    ...options,
  });
  // The clock's timers don't keep a process alive, and nothing else here does while a test waits for the file.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => {
    clearInterval(alive);
    provider.stop();
  });
  return { provider, ...follow(provider) };
}

test('acceptance: every provider hands over the first topology before start resolves', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, two);
  const fromFile = open(t, file);
  await fromFile.started;
  const topology = (await fromFile.next()) as Topology;
  t.deepEqual(topology, {
    epoch: 1,
    shardCount: 2,
    virtualShards: 4096,
    workers: [
      { id: 'w0', address: '127.0.0.1:7100', shards: [0], weight: 2, zone: 'a' },
      { id: 'w1', address: '127.0.0.1:7101', shards: [1], weight: 1 },
    ],
  });
  const same = follow(staticTopology(topology));
  await same.started;
  t.is(same.seen[0], topology);
});

test('a change raises the epoch, whether the file is written or replaced', async (t) => {
  const path = folder(t);
  const file = join(path, 'topology.yaml');
  writeFileSync(file, one);
  const { started, next } = open(t, file);
  await started;
  t.like(await next(), { epoch: 1 });
  writeFileSync(file, two);
  t.like(await next(), { epoch: 2 });
  // What vim, kubectl and most deployment tools do: a new file takes the name.
  writeFileSync(join(path, '.topology.yaml.swp'), one);
  renameSync(join(path, '.topology.yaml.swp'), file);
  t.like(await next(), { epoch: 3, workers: [{ id: 'w0', shards: [0, 1] }] });
});

test('a half-written file is not reported, the whole one is taken', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, one);
  const { provider, started, next, seen } = open(t, file, { secondLookMs: 60_000 });
  await started;
  await next();
  writeFileSync(file, two.slice(0, 40));
  await t.throwsAsync(provider.reload(), { code: 'TOPOLOGY_INVALID' });
  writeFileSync(file, two);
  t.like(await next(), { epoch: 2 });
  t.is(seen.length, 2);
});

test('a broken file is reported once, with its line, and the last good topology stays', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, one);
  const { provider, started, next, seen } = open(t, file, { pollMs: 10 });
  await started;
  await next();
  writeFileSync(file, `# a comment\n${one.replace('[1, 0]', '[0, 7]')}`);
  const error = (await next()) as RegatherError;
  t.is(error.code, 'TOPOLOGY_INVALID');
  t.deepEqual(error.message.split('\n'), [
    'topology.yaml:2: workers.0.shards.1: expected a shard from 0 to 1 (shards.count is 2), got 7',
    'topology.yaml:2: workers: expected every shard on a worker, 1 of 2 are on none: 1',
  ]);
  // Ten polls later still one report: the next thing said is the next good topology.
  for (let i = 0; i < 10; i++) await t.throwsAsync(provider.reload());
  writeFileSync(file, two);
  t.like(await next(), { epoch: 2 });
  t.is(seen.length, 3);
});

test('documents are one number per shard, and a change of them is a change', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, `documents: [7, 0]\n${one}`);
  const { provider, started, next } = open(t, file);
  await started;
  t.like(await next(), { epoch: 1, documents: [7, 0] });
  writeFileSync(file, `documents: [7, 1]\n${one}`);
  t.like(await next(), { epoch: 2, documents: [7, 1] });
  for (const [documents, message] of [
    ['[1]', 'expected a number of documents for each of 2 shards (shards.count), got 1'],
    [
      `[${Number.MAX_SAFE_INTEGER}, 1]`,
      `expected ${Number.MAX_SAFE_INTEGER} documents in all at most, got ${Number.MAX_SAFE_INTEGER + 1}`,
    ],
  ]) {
    writeFileSync(file, `documents: ${documents}\n${one}`);
    await t.throwsAsync(provider.reload(), { message: `topology.yaml:1: documents: ${message}` });
  }
});

test('a comment is no change', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, one);
  const { provider, started, seen } = open(t, file);
  await started;
  writeFileSync(file, `# said better\n${one}`);
  await provider.reload();
  writeFileSync(file, two);
  await provider.reload();
  t.deepEqual(
    seen.map((what) => (what as Topology).epoch),
    [1, 2],
  );
});

test('a written epoch may not go back, nor stay where the topology changes', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, `epoch: 5\n${one}`);
  const { provider, started, seen } = open(t, file);
  await started;
  writeFileSync(file, `epoch: 4\n${one}`);
  await t.throwsAsync(provider.reload(), {
    message: 'topology.yaml:1: epoch: expected an epoch of at least 5, got 4',
  });
  writeFileSync(file, `epoch: 5\n${two}`);
  await t.throwsAsync(provider.reload(), {
    message: 'topology.yaml:1: epoch: expected an epoch above 5 for a changed topology, got 5',
  });
  writeFileSync(file, `epoch: 9\n${two}`);
  await provider.reload();
  // Left out again: counting goes on from where it was.
  writeFileSync(file, one);
  await provider.reload();
  t.deepEqual(
    seen.filter((what) => 'epoch' in what).map((what) => (what as Topology).epoch),
    [5, 9, 10],
  );
});

test('start fails where there is no usable file', async (t) => {
  const path = folder(t);
  await t.throwsAsync(open(t, join(path, 'topology.yaml')).started, {
    code: 'TOPOLOGY_INVALID',
    message: 'topology.yaml: expected a topology, got no such file',
  });
  const file = join(path, 'other.yaml');
  writeFileSync(file, 'workers: [\n');
  await t.throwsAsync(open(t, file).started, { code: 'TOPOLOGY_INVALID', message: /^topology\.yaml:2: / });
  writeFileSync(file, 'workers:\n  - { id: w0, adress: 127.0.0.1:1, shards: [0, 1] }\n');
  await t.throwsAsync(open(t, file).started, { message: /unknown|known key. Did you mean "address"\?/ });
});

test('ids and addresses are unique, shards once in a worker', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(
    file,
    `workers:
  - { id: w0, address: 127.0.0.1:7100, shards: [0, 1, 0] }
  - { id: w0, address: 127.0.0.1:7100, shards: [] }
  - { id: w2, address: 127.0.0.1:0, shards: [] }
`,
  );
  const error = await t.throwsAsync(open(t, file).started);
  t.deepEqual(error?.message.split('\n'), [
    'topology.yaml:2: workers.0.shards.2: expected each shard once in a worker, got 0 again',
    'topology.yaml:3: workers.1.id: expected a unique id, got "w0" again',
    'topology.yaml:3: workers.1.address: expected a unique address, got that of "w0": 127.0.0.1:7100',
    'topology.yaml:4: workers.2.address: expected a port from 1 to 65535, got 127.0.0.1:0',
  ]);
});

test('a file that goes away is reported, and taken again when it is back', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, one);
  const { started, next } = open(t, file);
  await started;
  await next();
  rmSync(file);
  t.like(await next(), { code: 'TOPOLOGY_INVALID' });
  writeFileSync(file, two);
  t.like(await next(), { epoch: 2 });
});

test('nothing is said after stop', async (t) => {
  const file = join(folder(t), 'topology.yaml');
  writeFileSync(file, one);
  const { provider, started, seen } = open(t, file);
  await started;
  provider.stop();
  writeFileSync(file, two);
  await provider.reload();
  t.is(seen.length, 1);
});
