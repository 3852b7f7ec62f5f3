import test from 'ava';
import {
  type Event,
  folderWith,
  isAlive,
  type Running,
  regather,
  searchConfig,
  searchModule,
  start,
} from './process.ts';

interface Cluster {
  readonly address: string;
  readonly admin: string;
  readonly root: number;
  readonly workers: readonly { id: string; address: string; admin: string; pid: number; shards: number[] }[];
}

const files = { 'regather.yaml': searchConfig, 'worker.ts': searchModule };

async function ready(running: Running): Promise<Cluster> {
  return (await running.until('ready', ({ event }) => event === 'ready')) as unknown as Cluster;
}

const stateOf = (process: string, state: string) => (event: Event) =>
  event.event === 'state' && event.process === process && event.state === state;

test('up: calls, shards and drain work; a crashed worker comes back on its port; Ctrl-C drains all', async (t) => {
  const folder = folderWith(t, files);
  const up = start(t, folder, 'up', '--json', '--workers', '3', '--log-level', 'error');
  const { address, admin, root, workers } = await ready(up);
  t.is(workers.length, 3);
  for (let shard = 0; shard < 4; shard++) {
    t.is(workers.filter(({ shards }) => shards.includes(shard)).length, 2, `replicas of shard ${shard}`);
  }

  const answer = await regather(
    folder,
    'call',
    'TopK',
    '{"text": "tea", "limit": 2}',
    '--address',
    address,
    '--json',
  );
  t.is(answer.code, 0, answer.err);
  t.like(JSON.parse(answer.out), {
    status: 'OK',
    response: { total: '80' },
    coverage: { expected: 4, answered: 4, epoch: '1' },
  });

  const people = await regather(folder, 'call', 'TopK', '{"text": "tea"}', '--address', address);
  t.regex(people.out, /"total": "80"/);
  t.regex(people.err, /^coverage: 4 of 4 shards, epoch 1\n[\d.]+ ms\n$/);

  const failed = await regather(folder, 'call', 'TopK', '{"fault": "fail:5@2"}', '--address', address);
  t.is(failed.code, 1);
  t.is(failed.out, '');
  t.regex(failed.err, /^NOT_FOUND: .*shard 2.*\ncoverage: 3 of 4 shards, missing shard 2 \(FAILED, .*\n$/);

  const partial = await regather(
    folder,
    'call',
    'Some',
    '{"fault": "fail:5@2"}',
    '--address',
    address,
    '--json',
  );
  t.is(partial.code, 0, partial.err);
  t.like(JSON.parse(partial.out), {
    coverage: { answered: 3, missing: [{ cause: 'FAILED', shards: [{ first: 2, last: 2 }] }] },
  });

  const stream = await regather(folder, 'call', 'List', '{"perShard": 2}', '--address', address, '--json');
  const lines = stream.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.is(lines.length, 9);
  t.like(lines.at(-1), { status: 'OK', items: 8, coverage: { answered: 4 } });

  const wrong = await regather(folder, 'call', 'TopK', '{"limt": 2}', '--address', address);
  t.is(wrong.code, 2);
  t.is(wrong.err, 'TopKRequest: no field "limt". Did you mean "limit"?\n');

  const [w0, w1] = workers;
  const direct = await regather(
    folder,
    'call',
    'TopK',
    '{}',
    '--address',
    w0!.address,
    '--shard',
    String(w0!.shards[0]),
    '--json',
  );
  t.is(direct.code, 0, direct.err);
  t.like(JSON.parse(direct.out), { response: { total: '20' } });

  const shards = await regather(folder, 'shards', '--admin', admin);
  t.is(shards.code, 0);
  t.is(shards.out.split('\n').length, 6);
  t.regex(shards.out, /^0 +w\d link, w\d link$/m);

  const drained = await regather(folder, 'drain', 'w0', '--admin', admin);
  t.is(drained.out, 'w0 is drained\n', drained.err);
  t.regex((await regather(folder, 'shards', '--admin', admin)).out, /w0 draining/);
  t.is((await regather(folder, 'drain', 'w0', '--admin', admin, '--undo')).out, 'w0 is ready\n');
  t.is((await regather(folder, 'drain', 'w9', '--admin', admin)).code, 2);

  process.kill(w1!.pid, 'SIGKILL');
  await up.until('restarting', stateOf('w1', 'restarting'));
  const again = await up.until('ready again', stateOf('w1', 'ready'));
  t.is(again.address, w1!.address);
  t.is(again.restarts, 1);
  t.not(again.pid, w1!.pid);
  const after = await regather(folder, 'call', 'TopK', '{}', '--address', address, '--json');
  t.like(JSON.parse(after.out), { coverage: { answered: 4 } });

  up.child.kill('SIGINT');
  t.is(await up.ended, 0, up.err());
  for (const pid of [root, ...workers.map((worker) => worker.pid), again.pid as number])
    t.false(isAlive(pid));
});

test('up: killed outright, it leaves no orphan', async (t) => {
  const up = start(t, folderWith(t, files), 'up', '--json', '--workers', '2', '--log-level', 'silent');
  const { root, workers } = await ready(up);
  up.child.kill('SIGKILL');
  await up.ended;
  const pids = [root, ...workers.map((worker) => worker.pid)];
  const limit = performance.now() + 20_000;
  while (pids.some(isAlive) && performance.now() < limit)
    await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(pids.filter(isAlive), []);
});

test('up: a second Ctrl-C kills what does not end', async (t) => {
  const hangs = `${searchModule}
import { createServer } from 'node:net';
process.on('SIGTERM', () => { for (;;) {} });
`;
  const up = start(t, folderWith(t, { ...files, 'worker.ts': hangs }), 'up', '--json', '--workers', '2');
  const { workers } = await ready(up);
  up.child.kill('SIGINT');
  await up.until('the root is gone', stateOf('root', 'stopped'));
  up.child.kill('SIGINT');
  t.is(await up.ended, 1);
  const limit = performance.now() + 10_000;
  while (workers.some(({ pid }) => isAlive(pid)) && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.false(workers.some(({ pid }) => isAlive(pid)));
});

test("up: a worker that cannot start ends it with the worker's own error", async (t) => {
  const module = 'export default (start) => ({ lifecycle: {} });\n';
  const { code, err } = await regather(folderWith(t, { ...files, 'worker.ts': module }), 'up', '--json');
  t.is(code, 2);
  const error = JSON.parse(err.trimEnd().split('\n').at(-1)!) as { code: string; message: string };
  t.is(error.code, 'MODULE_INVALID');
  t.regex(error.message, /worker\.module: expected the default export to be a worker/);
});

test('root and worker say where they are, with a topology file and by id', async (t) => {
  const folder = folderWith(t, {
    ...files,
    'regather.yaml': `${searchConfig}log: { level: error }\n`,
    't.yaml': 'workers: [{ id: nobody, address: 127.0.0.1:1, shards: [0, 1, 2, 3] }]\n',
  });
  const any = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json'];
  const worker = start(t, folder, 'worker', '--id', 'w0', ...any);
  const bound = await worker.until('ready', ({ event }) => event === 'ready');
  t.like(bound, { kind: 'worker', id: 'w0', shards: [0, 1, 2, 3] });
  t.is(bound.pid, worker.child.pid);

  const root = start(t, folder, 'root', '--topology', 't.yaml', ...any);
  const listening = await root.until('listening', ({ event }) => event === 'listening');
  t.regex(String(listening.admin), /^127\.0\.0\.1:\d+$/);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(
    `${folder}/t.yaml`,
    `workers: [{ id: w0, address: "${bound.address}", shards: [0, 1, 2, 3] }]\n`,
  );
  t.is((await fetch(`http://${listening.admin}/reload`, { method: 'POST' })).status, 200);
  const ready = await root.until('ready', ({ event }) => event === 'ready');
  t.is(ready.address, listening.address);
  const config = (await (await fetch(`http://${listening.admin}/configz`)).json()) as {
    values: Record<string, { source: string }>;
  };
  t.is(config.values['root.listen']?.source, '--listen');
  t.is(config.values['shards.count']?.source, 'regather.yaml:3');

  for (const running of [root, worker]) {
    running.child.kill('SIGTERM');
    t.is(await running.ended, 0, running.err());
    t.deepEqual(
      running.events.slice(-3).map(({ event }) => event),
      ['draining', 'saving', 'stopped'],
    );
  }
});
