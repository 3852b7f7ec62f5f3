/** The reference page is enough to write a worker from: one in Python, driven by our root's end. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { needs, python } from '../kit/debian.ts';
import { pythonMessages } from '../kit/python-messages.ts';
import { leafCall, Recorder } from './memory.ts';
import { TestRoot } from './sockets.ts';

async function startPython(t: ExecutionContext): Promise<string> {
  const folder = pythonMessages(t, [], []);
  const worker = spawn(python, [join(import.meta.dirname, 'python_worker.py'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => worker.kill('SIGKILL'));
  const port = await new Promise<string>((resolve, reject) => {
    worker.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
    worker.once('exit', (code) => reject(new Error(`the worker exited with ${code}`)));
  });
  return `127.0.0.1:${port}`;
}

const withPython = needs(test, 'protobuf-compiler', 'python3-protobuf', 'python3-grpcio');

withPython('a worker written in Python from the reference page serves our root', async (t) => {
  const address = await startPython(t);
  const link = new TestRoot(address, { silenceMs: 5000, connectTimeoutMs: 10_000 });
  t.deepEqual(await link.reaches('ready'), {
    kind: 'ready',
    worker: 'python',
    shards: [0, 1, 2, 3],
    draining: false,
  });
  async function run(method: string, shards: readonly number[], payload: string, over = {}) {
    const recorder = new Recorder();
    link.client.run(leafCall(shards, { method, payload: Buffer.from(payload), ...over }), recorder);
    await recorder.ended;
    t.deepEqual(recorder.faults, []);
    return recorder;
  }

  const echo = await run('Echo', [], '', {
    tasks: [{ shard: 1 }, { shard: 2, payload: Buffer.from('own') }, { shard: 7 }],
    payload: Buffer.from('shared'),
    metadata: [['authorization', 'me']],
  });
  t.deepEqual(
    echo.parts.map(({ shards, data }) => [shards, data.toString()]),
    [
      [[1], '1 shared authorization=me'],
      [[2], '2 own authorization=me'],
    ],
  );
  // Its tasks run one after the other, so the second waited for the first.
  for (const { timing } of echo.parts) t.true(timing!.queueUs[0]! + timing!.serviceUs[0]! <= timing!.heldUs);
  t.true(echo.parts[1]!.timing!.queueUs[0]! >= echo.parts[0]!.timing!.queueUs[0]!);
  t.deepEqual(
    echo.failures.map(({ shard, code, notStarted, source }) => [shard, code, notStarted, source]),
    [[7, 9, true, 'task']],
  );

  const many = await Promise.all(Array.from({ length: 300 }, (_, i) => run('Echo', [i % 4], `${i}`)));
  t.true(many.every(({ parts }, i) => parts[0]?.data.toString() === `${i % 4} ${i}`));

  const large = await run('Large', [2, 3], '3000000', { maxPartBytes: 4 << 20 });
  t.deepEqual(
    large.parts.map(({ data }) => [data.length, data[0], data.at(-1)]),
    [
      [3_000_000, 2, 2],
      [3_000_000, 3, 3],
    ],
  );
  t.deepEqual((await run('Large', [2], '100', { maxPartBytes: 10 })).failures[0]?.code, 8);

  const fail = await run('Fail', [1], '');
  t.deepEqual(fail.failures, [
    {
      shard: 1,
      code: 5,
      message: 'not here',
      details: Buffer.from([8, 5]),
      notStarted: false,
      pushbackMs: 0,
      source: 'task',
    },
  ]);

  const held = new Recorder();
  const handle = link.client.run(leafCall([1], { method: 'Hold' }), held);
  handle.cancel();
  await held.ended;
  t.is(held.failures[0]?.code, 1);
  for (let stopped = '0'; stopped !== '1'; )
    stopped = (await run('Cancelled', [1], '')).parts[0]!.data.toString();

  const counted = new Recorder();
  const counting = link.client.run(
    leafCall([0, 1], { method: 'Count', payload: Buffer.from('40000'), streaming: true }),
    {
      part(shards, data, lengths) {
        counted.part(shards, data, lengths);
        counting.grant(data.length);
      },
      end: (end) => counted.end(end),
    },
  );
  await counted.ended;
  t.deepEqual(counted.failures, []);
  t.is(counted.parts.length, 80_000);
  t.deepEqual(counted.parts[10]!.segmentBytes, [7, 7, 7]);

  const refused = new TestRoot(address, {
    plan: { name: 'acme.Other', methods: [], descriptorSet: new Uint8Array() },
    connectTimeoutMs: 10_000,
  });
  t.regex((await refused.reaches('refused')).reason, /acme.Other isn't served here/);
  refused.client.close();
  link.client.close();
});
