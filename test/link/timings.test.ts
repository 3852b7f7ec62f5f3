/** What a worker tells of the times of a part's tasks, and what a root makes of it where it tells less. */
import test from 'ava';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { connect, gate, serve } from '../worker/kit.ts';
import { leafCall, pair, Recorder } from './memory.ts';
import { Scripted } from './scripted.ts';

test('a part tells how long each task waited and ran, and how long the worker had the call', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorder = new Recorder();
  link.root.run(leafCall([1, 2, 5]), recorder);
  await link.settle();
  await link.clock.advance(10);
  calls[0]!.part([1, 2], Buffer.from('both'), [], [1000, 2000], [3000, 8000]);
  await link.settle();
  await link.clock.advance(5);
  calls[0]!.part([5], Buffer.from('late'), [], [0], [15_000]);
  calls[0]!.end([], 0, 0, 0);
  await link.settle();
  t.deepEqual(
    recorder.parts.map(({ timing }) => timing),
    [
      { queueUs: [1000, 2000], serviceUs: [3000, 8000], heldUs: 10_000 },
      { queueUs: [0], serviceUs: [15_000], heldUs: 15_000 },
    ],
  );
});

test('what waits for credit is held until its last byte is written', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorder = new Recorder();
  link.root.run(leafCall([1], { maxPartBytes: 1 << 20 }), recorder);
  await link.settle();
  // More than the first credit: the rest goes out when the root has read that, later.
  calls[0]!.part([1], Buffer.alloc(400_000), [], [0], [0]);
  await new Promise((resolve) => setImmediate(resolve));
  await link.clock.advance(7);
  await link.settle();
  t.is(recorder.parts[0]?.timing?.heldUs, 7000);
});

test('times that are missing or of another number than the shards count as not told', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2, 3, 4]);
  const data = Buffer.from('x');
  link.frames.chunk(1, 0, data, 0, 1, true, [1], []);
  link.frames.chunk(1, 1, data, 0, 1, true, [2], [], [1, 2], [3, 4], 9);
  link.frames.chunk(1, 2, data, 0, 1, true, [3], [], [1], [2], 0);
  link.frames.chunk(1, 3, data, 0, 1, true, [4], [], [1], [2], 9);
  link.say();
  t.deepEqual(
    recorder.parts.map(({ shards, timing }) => [shards[0], timing]),
    [
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, { queueUs: [1], serviceUs: [2], heldUs: 9 }],
    ],
  );
});

test('a worker tells the times of combined shards one by one, of a flush and of what came after it', async (t) => {
  const slow = gate();
  const { addresses } = await serve(t, {
    shards: [0, 1, 2],
    handlers: {
      TopK: async (_request: object, { shard }) => {
        if (shard === 2) await slow.promise;
        return { total: 1 };
      },
    },
  });
  const { link } = await connect(t, addresses.address);
  const recorder = new Recorder();
  link.run(
    leafCall([0, 1, 2], {
      payload: Buffer.alloc(0),
      deadline: performance.now() + 10_000,
      flushAfterMs: 5,
    }),
    {
      part(...part) {
        recorder.part(...part);
        slow.open();
      },
      end: (end) => recorder.end(end),
    },
  );
  await recorder.ended;
  t.deepEqual(recorder.failures, []);
  t.deepEqual(
    recorder.parts.map(({ shards }) => shards),
    [[0, 1], [2]],
  );
  const [first, second] = recorder.parts.map(({ timing }) => timing!);
  t.is(first!.serviceUs.length, 2);
  // Done at once, sent at the flush: nearly all of it was waiting for the third.
  t.true(first!.heldUs >= 5000);
  for (const i of [0, 1]) t.true(first!.queueUs[i]! + first!.serviceUs[i]! < first!.heldUs);
  t.true(second!.queueUs[0]! + second!.serviceUs[0]! <= second!.heldUs);
});
