/** What becomes of links and their calls when networks and peers fail. */
import { fork } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import test from 'ava';
import { ConnectionTracker } from '../../shared/link/connection-tracker.ts';
import { linkDefinition } from '../../shared/link/definition.ts';
import { FrameWriter } from '../../shared/link/frame-writer.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { Hop } from './hop.ts';
import { FakeClock, helloOf, leafCall, Recorder, turn } from './memory.ts';
import { echo, plan, startWorker, TestRoot } from './sockets.ts';

test('a stream that dies in the middle of a part leaves nothing of it behind', async (t) => {
  const data = Buffer.alloc(4 << 20, 'part');
  const held: IncomingCall[] = [];
  let cancelled = 0;
  const worker = await startWorker((call) => {
    held.push(call);
    call.onCancel = () => cancelled++;
    call.part([1], data, []);
  });
  const hop = await Hop.start(worker.port);
  const root = new TestRoot(hop.address);
  await root.reaches('ready');
  const recorder = new Recorder();
  hop.onData = () => {
    if (hop.bytesToRoot > 400_000) hop.reset();
  };
  root.client.run(leafCall([1, 2], { maxPartBytes: 4 << 20 }), recorder);
  await recorder.ended;
  t.deepEqual(recorder.parts, []);
  t.deepEqual(
    recorder.failures.map(({ shard, code, source, notStarted }) => [shard, code, source, notStarted]),
    [
      [1, 14, 'transport', false],
      [2, 14, 'transport', false],
    ],
  );
  while (cancelled === 0) await turn();
  held[0]!.end([], 0, 0, 0);
  hop.onData = () => undefined;
  await root.reaches('ready');
  t.is(cancelled, 1);
  root.client.close();
  hop.stop();
  worker.stop();
});

test('a reset connection is down at once and comes back', async (t) => {
  const worker = await startWorker(echo);
  const hop = await Hop.start(worker.port);
  const root = new TestRoot(hop.address);
  await root.reaches('ready');
  hop.reset();
  const down = await root.reaches('down');
  t.regex(down.reason, /was lost/);
  await root.reaches('ready');
  const recorder = new Recorder();
  root.client.run(leafCall([1]), recorder);
  await recorder.ended;
  t.deepEqual(recorder.failures, []);
  t.deepEqual(
    root.states.map(({ kind }) => kind),
    ['ready', 'down', 'connecting', 'ready'],
  );
  root.client.close();
  hop.stop();
  worker.stop();
});

test('a network that swallows everything is noticed by silence, and its socket is given up', async (t) => {
  const worker = await startWorker((call) => {
    if (call.method !== 'Hold') echo(call);
  });
  const hop = await Hop.start(worker.port);
  const root = new TestRoot(hop.address, { silenceMs: 120, connectTimeoutMs: 2000 });
  await root.reaches('ready');
  const held = new Recorder();
  root.client.run(leafCall([1], { method: 'Hold' }), held);
  await turn();
  hop.blackHole();
  await held.ended;
  t.regex(held.failures[0]!.message, /silent for \d+ ms with 1 calls open, 120 ms are allowed/);
  t.deepEqual([held.failures[0]!.source, held.failures[0]!.notStarted], ['transport', false]);
  hop.blackHole(false);
  await root.reaches('ready');
  while (hop.connections > 1) await turn();
  root.client.close();
  hop.stop();
  worker.stop();
  t.pass();
});

test('a stopped process is noticed by silence, and used again once it goes on', async (t) => {
  const child = fork(new URL('./stoppable-worker.ts', import.meta.url));
  t.teardown(() => child.kill('SIGKILL'));
  const message = () => new Promise((resolve) => child.once('message', resolve));
  const port = await message();
  const root = new TestRoot(`127.0.0.1:${port}`, { silenceMs: 200 });
  await root.reaches('ready');
  const held = new Recorder();
  const holding = message();
  root.client.run(leafCall([1], { method: 'Hold' }), held);
  await holding;
  process.kill(child.pid!, 'SIGSTOP');
  await held.ended;
  t.regex(held.failures[0]!.message, /silent/);
  process.kill(child.pid!, 'SIGCONT');
  await root.reaches('ready');
  const recorder = new Recorder();
  root.client.run(leafCall([1]), recorder);
  await recorder.ended;
  t.deepEqual(recorder.failures, []);
  root.client.close();
  child.disconnect();
});

// grpc-js has no connect timeout: a listener that accepts and never speaks HTTP/2 kept a channel CONNECTING for ever; and a channel
// closed in that state forgot its socket, so that each new try leaked one.
test('a listener that never speaks is given up after the timeout, and no socket stays behind', async (t) => {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const root = new TestRoot(`127.0.0.1:${port}`, { connectTimeoutMs: 60 });
  const { reason } = await root.reaches('down');
  t.is(reason, `No connection to 127.0.0.1:${port} within 60 ms`);
  while (accepted < 3) await turn();
  while (sockets.size > 1) await turn();
  root.client.close();
  while (sockets.size > 0) await turn();
  t.true(accepted >= 3);
  server.close();
});

test('a worker that takes the stream and never says Hello is given up', async (t) => {
  const { Server } = await import('@grpc/grpc-js');
  const { listen } = await import('./sockets.ts');
  const server = new Server();
  server.addService(linkDefinition, { Open: () => undefined });
  const port = await listen(server);
  const root = new TestRoot(`127.0.0.1:${port}`, { connectTimeoutMs: 150 });
  const { reason } = await root.reaches('down');
  t.is(reason, `127.0.0.1:${port} took the connection but sent no Hello within 150 ms`);
  root.client.close();
  server.forceShutdown();
});

test('waits grow from 25–50 ms to 5 s, on the injected clock', async (t) => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  const clock = new FakeClock();
  const root = new TestRoot(`127.0.0.1:${port}`, { clock, random: () => 1 });
  const delays: number[] = [];
  for (let i = 0; i < 9; i++) {
    const { retryAtMs } = await root.reaches('down');
    delays.push(retryAtMs - clock.now());
    await clock.advance(delays.at(-1)!);
  }
  t.deepEqual(delays, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  root.client.close();
  t.is(clock.pending, 0, 'no timer is left behind');
});

test('a worker encodes little ahead of a root that does not read', async (t) => {
  const answer = Buffer.alloc(100_000);
  let calls = 0;
  const worker = await startWorker((call) => {
    calls++;
    call.part([1], answer, []);
    call.end([], 0, 0, 0);
  });
  const client = new Client(worker.address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = linkDefinition.Open;
  const stream = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
    {},
  );
  stream.on('error', () => undefined);
  stream.pause();
  const frames = new FrameWriter(() => stream.write(frames.take()));
  frames.hello(helloOf('slow'));
  for (let id = 1; id <= 1000; id++) frames.call(id, leafCall([1]), 1e6, 256 * 1024);
  stream.write(frames.take());
  while (calls < 1000) await turn();
  for (let i = 0; i < 200; i++) await turn();
  // grpc-js takes 16 messages for a reader that is paused, and two are on their way: 50 answers of 1000.
  t.true(worker.link.calls > 900, `${1000 - worker.link.calls} answers were written`);
  stream.cancel();
  client.close();
  worker.stop();
});

test('the hook that finds a channel’s sockets is still called by grpc-js', async (t) => {
  const worker = await startWorker(echo);
  const tracker = new ConnectionTracker(credentials.createInsecure());
  const client = new Client(worker.address, tracker.credentials);
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve())),
  );
  t.is(tracker.size, 1);
  tracker.destroy();
  while (tracker.size > 0) await turn();
  client.close();
  worker.stop();
});

test('closing leaves neither streams nor sockets', async (t) => {
  const worker = await startWorker(echo, { plan });
  const hop = await Hop.start(worker.port);
  for (let i = 0; i < 5; i++) {
    const root = new TestRoot(hop.address);
    await root.reaches('ready');
    root.client.close();
    root.client.close();
    t.is(root.states.filter(({ kind }) => kind === 'closed').length, 1);
  }
  while (hop.connections > 0 || worker.link.streams > 0) await turn();
  hop.stop();
  worker.stop();
});
