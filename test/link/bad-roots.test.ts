/** What a worker makes of roots that don't keep to the protocol. */
import { connect } from 'node:net';
import test from 'ava';
import type { FrameWriter } from '../../shared/link/frame-writer.ts';
import { helloOf, leafCall, Recorder, seen, turn } from './memory.ts';
import { RawRoot } from './raw-root.ts';
import { echo, startWorker, TestRoot } from './sockets.ts';

for (const [name, frames, rule] of [
  [
    'whose id is used again',
    (frames: FrameWriter) => {
      frames.hello(helloOf('raw'));
      frames.call(5, leafCall([1]), 1000, 1);
      frames.call(5, leafCall([1]), 1000, 1);
    },
    /id 5, the one before has 5: ids rise/,
  ],
  [
    'whose id falls',
    (frames: FrameWriter) => {
      frames.hello(helloOf('raw'));
      frames.call(5, leafCall([1]), 1000, 1);
      frames.call(4, leafCall([1]), 1000, 1);
    },
    /id 4, the one before has 5: ids rise/,
  ],
  ['before Hello', (frames: FrameWriter) => frames.call(5, leafCall([1]), 1000, 1), /Call came before Hello/],
  [
    'with a shard twice',
    (frames: FrameWriter) => {
      frames.hello(helloOf('raw'));
      frames.call(5, leafCall([1, 1]), 1000, 1);
    },
    /shards of call 5 don't ascend: 1, 1/,
  ],
  [
    'without a task',
    (frames: FrameWriter) => {
      frames.hello(helloOf('raw'));
      frames.call(5, leafCall([]), 1000, 1);
    },
    /call 5 has no task/,
  ],
] as const) {
  test(`a call ${name} ends that stream with a clear status and no other`, async (t) => {
    const worker = await startWorker(echo);
    const good = new TestRoot(worker.address);
    await good.reaches('ready');
    const raw = new RawRoot(worker.address);
    frames(raw.frames);
    raw.say();
    const { code, details } = await raw.over;
    t.is(code, 13);
    t.regex(details, rule);
    const recorder = new Recorder();
    good.client.run(leafCall([1]), recorder);
    await recorder.ended;
    t.deepEqual(recorder.failures, []);
    raw.close();
    good.client.close();
    worker.stop();
  });
}

test('what a worker answers in one turn comes as one gRPC message', async (t) => {
  const worker = await startWorker(echo);
  const raw = new RawRoot(worker.address);
  raw.frames.hello(helloOf('raw'));
  raw.say();
  while (raw.messages.length === 0) await turn();
  for (let id = 1; id <= 100; id++) raw.frames.call(id, leafCall([1]), 1000, 1000);
  raw.say();
  while (raw.messages.length === 1) await turn();
  t.deepEqual(
    raw.messages.map((message) => seen([message]).filter(([kind]) => kind === 'end').length),
    [0, 100],
  );
  raw.close();
  worker.stop();
});

test('garbage bytes end that stream with a clear status', async (t) => {
  const worker = await startWorker(echo);
  const raw = new RawRoot(worker.address);
  raw.say(Buffer.from('this is no batch of frames'));
  const { code, details } = await raw.over;
  t.is(code, 13);
  t.regex(details, /malformed/);
  raw.close();
  worker.stop();
});

test('ids that skip are fine, and a Cancel of an ended call is dropped', async (t) => {
  const worker = await startWorker(echo);
  const raw = new RawRoot(worker.address);
  raw.frames.hello(helloOf('raw'));
  raw.frames.call(5, leafCall([1]), 1000, 1000);
  raw.say();
  raw.frames.call(500, leafCall([1]), 1000, 1000);
  raw.say();
  while (worker.link.calls > 0) await turn();
  raw.frames.cancel(5);
  raw.frames.credit(5, 10);
  raw.frames.cancel(501);
  raw.say();
  t.regex((await raw.over).details, /Cancel has id 501, the highest seen is 500/);
  raw.close();
  worker.stop();
});

test('bytes that are not HTTP/2 leave the worker in service', async (t) => {
  const worker = await startWorker(echo);
  const socket = connect(worker.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\n\r\n\0\0\0\0');
  await new Promise<void>((resolve) =>
    socket
      .on('close', () => resolve())
      .on('error', () => undefined)
      .resume(),
  );
  const root = new TestRoot(worker.address);
  t.is((await root.reaches('ready')).worker, 'w0');
  root.client.close();
  worker.stop();
});
