/** Both ends over real sockets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import { leafCall, Recorder, turn } from './memory.ts';
import { echo, listen, plan, startWorker, TestRoot } from './sockets.ts';

test('calls run over a link, and what runs at once travels together', async (t) => {
  const worker = await startWorker(echo);
  const root = new TestRoot(worker.address);
  const ready = await root.reaches('ready');
  t.deepEqual(ready, { kind: 'ready', worker: 'w0', shards: [0, 1, 2, 3], draining: false });
  const recorders = Array.from({ length: 200 }, () => new Recorder());
  for (const [i, recorder] of recorders.entries())
    root.client.run(leafCall([1, 3], { payload: Buffer.from(String(i)) }), recorder);
  t.is(root.client.inFlight, 200);
  await Promise.all(recorders.map(({ ended }) => ended));
  for (const [i, { parts, failures }] of recorders.entries()) {
    t.deepEqual(
      parts.map(({ data }) => data.toString()),
      [`TopK 1 ${i}`, `TopK 3 ${i}`],
    );
    t.deepEqual(failures, []);
  }
  t.is(root.client.inFlight, 0);
  root.client.close();
  worker.stop();
});

test('a call while there is no link ends in the next turn', async (t) => {
  const worker = await startWorker(echo);
  const root = new TestRoot(worker.address);
  const early = new Recorder();
  root.client.run(leafCall([1, 2]), early);
  t.is(early.ends.length, 0);
  await early.ended;
  t.deepEqual(
    early.failures.map(({ code, source, notStarted }) => [code, source, notStarted]),
    [
      [14, 'transport', true],
      [14, 'transport', true],
    ],
  );
  await root.reaches('ready');
  root.client.close();
  const late = new Recorder();
  root.client.run(leafCall([1]), late);
  await late.ended;
  t.regex(late.failures[0]!.message, /closed/);
  worker.stop();
});

test('10,000 calls with cancels: each ends exactly once, at both ends', async (t) => {
  let begun = 0;
  let cancels = 0;
  const slow: IncomingCall[] = [];
  const worker = await startWorker((call) => {
    begun++;
    call.onCancel = () => {
      cancels++;
      call.end([], 0, 0, 0);
    };
    if (begun % 3 === 0) slow.push(call);
    else echo(call);
  });
  const root = new TestRoot(worker.address);
  await root.reaches('ready');
  const recorders: Recorder[] = [];
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 500; i++) {
      const recorder = new Recorder();
      recorders.push(recorder);
      const handle = root.client.run(leafCall([i % 4], { payload: Buffer.alloc(i % 100) }), recorder);
      if (i % 5 === 0) handle.cancel();
      else if (i % 7 === 0) setImmediate(() => handle.cancel());
    }
    await turn();
  }
  for (let i = 0; i < 100_000 && (begun < 10_000 || slow.length > 0); i++) {
    const call = slow.pop();
    if (call === undefined) await turn();
    else if (!call.cancelled) echo(call);
  }
  await Promise.all(recorders.map(({ ended }) => ended));
  for (let i = 0; i < 10_000 && root.client.inFlight > 0; i++) await turn();
  t.is(begun, 10_000);
  t.true(cancels > 0);
  t.true(recorders.every(({ ends, faults }) => ends.length === 1 && faults.length === 0));
  t.true(recorders.every(({ parts, failures }) => parts.length + failures.length === 1));
  t.is(root.client.inFlight, 0);
  t.is(worker.link.calls, 0);
  root.client.close();
  worker.stop();
});

test('a root that closes cancels what runs at the worker', async (t) => {
  let cancelled: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    cancelled = resolve;
  });
  let arrived: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const worker = await startWorker((call) => {
    call.onCancel = cancelled;
    arrived();
  });
  const root = new TestRoot(worker.address);
  await root.reaches('ready');
  const recorder = new Recorder();
  root.client.run(leafCall([1]), recorder);
  await running;
  root.client.close();
  t.is(recorder.failures[0]?.source, 'transport');
  await gone;
  t.is(worker.link.streams, 0);
  worker.stop();
});

test('draining is told at once, new calls are turned away, running ones end', async (t) => {
  const held: IncomingCall[] = [];
  const worker = await startWorker((call) => held.push(call));
  const root = new TestRoot(worker.address);
  await root.reaches('ready');
  const running = new Recorder();
  root.client.run(leafCall([1]), running);
  while (held.length === 0) await turn();
  worker.link.setDraining();
  const late = new Recorder();
  root.client.run(leafCall([2]), late);
  await late.ended;
  t.deepEqual(root.client.state, { kind: 'ready', worker: 'w0', shards: [0, 1, 2, 3], draining: true });
  t.deepEqual(
    late.failures.map(({ code, notStarted, source }) => [code, notStarted, source]),
    [[14, true, 'task']],
  );
  echo(held[0]!);
  await running.ended;
  t.deepEqual(running.failures, []);
  const second = new TestRoot(worker.address);
  await second.reaches('ready');
  while (!(second.client.state.kind === 'ready' && second.client.state.draining)) await turn();
  worker.link.setDraining(false);
  while (root.client.state.kind === 'ready' && root.client.state.draining) await turn();
  const again = new Recorder();
  root.client.run(leafCall([2]), again);
  while (held.length < 2) await turn();
  echo(held[1]!);
  await again.ended;
  t.deepEqual(again.failures, []);
  root.client.close();
  second.client.close();
  worker.stop();
});

test('shards gained and lost are told', async (t) => {
  let shards = [1];
  const worker = await startWorker(echo, { shards: () => shards });
  const root = new TestRoot(worker.address);
  t.deepEqual((await root.reaches('ready')).shards, [1]);
  shards = [1, 5];
  worker.link.shardsChanged();
  while (root.client.state.kind === 'ready' && root.client.state.shards.length === 1) await turn();
  t.deepEqual(root.states.at(-1), { kind: 'ready', worker: 'w0', shards: [1, 5], draining: false });
  root.client.close();
  worker.stop();
});

test('a worker that closes its links lets the written answers out first', async (t) => {
  const held: IncomingCall[] = [];
  const worker = await startWorker((call) => held.push(call));
  const root = new TestRoot(worker.address);
  await root.reaches('ready');
  const [answered, open] = [new Recorder(), new Recorder()];
  root.client.run(leafCall([1]), answered);
  root.client.run(leafCall([2]), open);
  while (held.length < 2) await turn();
  echo(held[0]!);
  worker.link.close();
  await Promise.all([answered.ended, open.ended]);
  t.deepEqual(answered.failures, []);
  t.deepEqual(
    open.failures.map(({ code, source, notStarted }) => [code, source, notStarted]),
    [[14, 'transport', false]],
  );
  t.regex(open.failures[0]!.message, /w0 is stopping/);
  t.true(held[1]!.cancelled);
  root.client.close();
  worker.stop();
});

test('a worker without Link is plain; once it has one, a probe finds it', async (t) => {
  const server = new Server();
  const port = await listen(server);
  const root = new TestRoot(`127.0.0.1:${port}`);
  await root.reaches('plain');
  const recorder = new Recorder();
  root.client.run(leafCall([1]), recorder);
  await recorder.ended;
  t.true(recorder.failures[0]!.notStarted);
  server.forceShutdown();
  const worker = await startWorker(echo, { port });
  root.client.probe();
  await root.reaches('ready');
  t.deepEqual(
    root.states.map(({ kind }) => kind),
    ['plain', 'ready'],
  );
  root.client.close();
  worker.stop();
});

/** The plan of a service whose one response field merges like this. */
function planOf(t: ExecutionContext, field: string): ServicePlan {
  const folder = mkdtempSync(join(tmpdir(), 'regather-link-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'a.proto'),
    `syntax = "proto3"; package acme; import "regather/v1/annotations.proto";
     service Search { rpc Count(Q) returns (A) { option (regather.v1.scatter) = { to: ALL }; } }
     message Q {} message A { ${field} }`,
  );
  return compilePlan(loadDescriptors({ proto: join(folder, 'a.proto') }), 'acme.Search');
}

test('schemas that differ in a field both know are refused with its name; one more field is fine', async (t) => {
  const sum = planOf(t, 'int64 n = 1 [(regather.v1.merge).sum = {}];');
  const max = planOf(t, 'optional int64 n = 1 [(regather.v1.merge).max = {}];');
  const more = planOf(
    t,
    'int64 n = 1 [(regather.v1.merge).sum = {}]; int64 m = 2 [(regather.v1.merge).sum = {}];',
  );
  const worker = await startWorker(echo, { plan: sum });
  const other = new TestRoot(worker.address, { plan: max });
  t.regex((await other.reaches('refused')).reason, /field 1 of acme\.A has (cardinality|merge)/);
  const newer = new TestRoot(worker.address, { plan: more });
  await newer.reaches('ready');
  other.client.close();
  newer.client.close();
  worker.stop();
});

test('a Hello that another service or schema makes impossible is refused by either end', async (t) => {
  const worker = await startWorker(echo);
  const root = new TestRoot(worker.address, { plan: { ...plan, name: 'acme.Other' } });
  const { reason } = await root.reaches('refused');
  t.regex(reason, /"root" serves acme.Other, this end acme.Search/);
  const recorder = new Recorder();
  root.client.run(leafCall([1]), recorder);
  await recorder.ended;
  t.regex(recorder.failures[0]!.message, /is refused: /);
  root.client.close();
  worker.stop();
});
