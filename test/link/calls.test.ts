/** What the worker's side of a call promises to those who write workers. */
import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';
import { leafCall, pair, Recorder } from './memory.ts';

async function started(shards: readonly number[], over = {}, options = {}) {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call), options);
  await link.settle();
  const recorder = new Recorder();
  const handle = link.root.run(leafCall(shards, over), recorder);
  await link.settle();
  return { link, recorder, handle, call: calls[0]! };
}

test('a call arrives as it was sent', async (t) => {
  const { call, link } = await started([1, 4], {
    tasks: [{ shard: 1 }, { shard: 4, payload: Buffer.alloc(0) }],
    deadline: 1000 + 250,
    flushAfterMs: 12.5,
    priority: -3,
    epoch: 9,
    metadata: [
      ['authorization', 'Bearer x'],
      ['trace-bin', Buffer.from([1, 255])],
    ],
    maxPartBytes: 77,
  });
  t.is(call.method, 'TopK');
  t.is(call.payload.toString(), 'request');
  t.deepEqual(call.tasks, [{ shard: 1 }, { shard: 4, payload: Buffer.alloc(0) }]);
  t.is(call.deadline, link.clock.now() + 250);
  t.is(call.flushAfterMs, 12.5);
  t.deepEqual([call.priority, call.epoch, call.maxPartBytes, call.root], [-3, 9, 77, 'root']);
  t.deepEqual(call.metadata, [
    ['authorization', 'Bearer x'],
    ['trace-bin', Buffer.from([1, 255])],
  ]);
});

test('what breaks the rules of part, items and end throws and sends nothing', async (t) => {
  const { call, link, recorder } = await started([1, 2], { maxPartBytes: 10 });
  const large = t.throws(() => call.part([1], Buffer.alloc(11), []), { instanceOf: RegatherError });
  t.is((large as RegatherError).code, 'PARTIAL_TOO_LARGE');
  t.regex(large!.message, /shard 1 has 11 bytes, at most 10/);
  t.throws(() => call.part([3], Buffer.alloc(1), []), { message: /shard 3, which call 1 doesn't ask/ });
  call.part([1], Buffer.from('a'), []);
  t.throws(() => call.part([1, 2], Buffer.from('b'), []), { message: /second part for shard 1/ });
  t.throws(() => call.items(7, Buffer.from('b'), [1]), { message: /items of shard 7/ });
  call.end(
    [{ shard: 2, code: 5, message: 'gone', notStarted: false, pushbackMs: 3, source: 'task' }],
    1,
    2,
    3,
  );
  t.throws(() => call.end([], 0, 0, 0), { message: /second end of call 1/ });
  t.throws(() => call.part([2], Buffer.from('b'), []), { message: /after the end of call 1/ });
  await link.settle();
  t.deepEqual(
    recorder.parts.map(({ shards, data }) => [shards, data.toString()]),
    [[[1], 'a']],
  );
  t.deepEqual(recorder.failures, [
    { shard: 2, code: 5, message: 'gone', notStarted: false, pushbackMs: 3, source: 'task' },
  ]);
});

test('a task that the worker forgot is reported by the link', async (t) => {
  const { call, link, recorder } = await started([1, 2]);
  call.part([2], Buffer.from('x'), []);
  call.end([], 0, 0, 0);
  await link.settle();
  t.deepEqual(
    recorder.failures.map(({ shard, code, source }) => [shard, code, source]),
    [[1, 13, 'task']],
  );
  t.regex(recorder.failures[0]!.message, /Shard 1 gave neither a part nor a status/);
});

test('statuses that would be too large for the root lose their details, not themselves', async (t) => {
  const shards = Array.from({ length: 100 }, (_, shard) => shard);
  const { call, link, recorder } = await started(shards, {}, { rootHello: { maxMessageBytes: 100_000 } });
  const statuses: TaskFailure[] = shards.map((shard) => ({
    shard,
    code: 9,
    message: 'm'.repeat(5000),
    details: Buffer.alloc(5000),
    notStarted: false,
    pushbackMs: 0,
    source: 'task',
  }));
  call.end(statuses, 0, 0, 0);
  await link.settle();
  t.is(recorder.failures.length, 100);
  t.true(recorder.failures.every(({ message, details }) => message.length === 256 && details === undefined));
});

test('onCancel comes once, for a Cancel or for the loss of the stream, and not after end', async (t) => {
  for (const how of ['cancel', 'lose'] as const) {
    const { call, link, handle } = await started([1]);
    let cancels = 0;
    call.onCancel = () => cancels++;
    if (how === 'cancel') handle.cancel();
    await link.settle();
    link.lose();
    await link.settle();
    t.is(cancels, 1);
    t.true(call.cancelled);
    call.part([1], Buffer.from('late'), []);
    call.end([], 0, 0, 0);
    const ended = await started([1]);
    ended.call.onCancel = () => t.fail();
    ended.call.end([], 0, 0, 0);
    ended.handle.cancel();
    await ended.link.settle();
    ended.link.lose();
  }
});

test('a cancelled call that has ended, but waits for credit, still gives its place back', async (t) => {
  const { call, link, handle } = await started([1], { streaming: true, maxPartBytes: 1 << 20 });
  const data = Buffer.alloc(300_000);
  void call.items(1, data, [data.length]);
  await link.settle();
  void call.items(1, data, [data.length]);
  call.end([], 0, 0, 0);
  await link.settle();
  t.is(link.worker.inFlight, 1);
  handle.cancel();
  await link.settle();
  t.is(link.worker.inFlight, 0);
  t.is(link.root.inFlight, 0);
});

test('a worker that is draining, full or broken turns calls away', async (t) => {
  const draining = await started([1, 2], {}, { draining: () => true });
  t.deepEqual(
    draining.recorder.failures.map(({ code, notStarted }) => [code, notStarted]),
    [
      [14, true],
      [14, true],
    ],
  );

  const broken = pair(() => {
    throw new Error('no such method');
  });
  await broken.settle();
  const recorder = new Recorder();
  broken.root.run(leafCall([1]), recorder);
  await broken.settle();
  t.deepEqual(
    recorder.failures.map(({ code, message }) => [code, message]),
    [[13, 'no such method']],
  );
  t.is(broken.failed[0]?.message, 'no such method');
});

test('draining and shards are told in band', async (t) => {
  const { link } = await started([1]);
  link.worker.sendState(true, [1, 2], 5);
  await link.settle();
  t.deepEqual(link.states, [{ draining: true, shards: [1, 2] }]);
  t.is(link.root.lastLoad, 5);
});

test('a SPLIT call’s payloads and a root above roots’ epoch travel unchanged', async (t) => {
  const { call } = await started([0, 70_000], {
    tasks: [
      { shard: 0, payload: Buffer.from('a') },
      { shard: 70_000, payload: Buffer.from('b') },
    ],
    epoch: Number.MAX_SAFE_INTEGER,
  });
  t.deepEqual(
    call.tasks.map(({ payload }) => payload?.toString()),
    ['a', 'b'],
  );
  t.is(call.epoch, Number.MAX_SAFE_INTEGER);
});
