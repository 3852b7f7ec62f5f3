import test from 'ava';
import { CHUNK_BYTES, CREDIT_BYTES } from '../../shared/link/frames.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { leafCall, pair, Recorder, seen, turn } from './memory.ts';

test('all frames of a turn are one message, in both directions', async (t) => {
  const link = pair((call) => {
    call.part([call.tasks[0]!.shard], Buffer.alloc(200), []);
    call.end([], 0, 0, 0);
  });
  await link.settle();
  const before = [link.toWorker.sizes.length, link.toRoot.sizes.length];
  const recorders = Array.from({ length: 50 }, () => new Recorder());
  for (const recorder of recorders) link.root.run(leafCall([1]), recorder);
  await link.settle();
  t.deepEqual([link.toWorker.sizes.length, link.toRoot.sizes.length], [before[0]! + 1, before[1]! + 1]);
  t.true(recorders.every(({ parts, ends }) => parts.length === 1 && ends.length === 1));
});

test('a large answer does not stand in front of small ones, and messages stay within 256 KiB', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  for (let i = 0; i < 6; i++) link.root.run(leafCall([1]), new Recorder());
  await link.settle();
  calls[0]!.part([1], Buffer.alloc(800_000), []);
  calls[1]!.part([1], Buffer.alloc(800_000), []);
  for (const call of calls.slice(2)) call.part([1], Buffer.alloc(100), []);
  for (const call of calls) call.end([], 0, 0, 0);
  await turn();
  const [first] = link.toRoot.queue;
  t.true(first!.message.length <= 256 * 1024);
  const frames = seen([first!.message]);
  const ended = frames.filter(([kind]) => kind === 'end').map(([, id]) => id);
  t.deepEqual(ended, [3, 4, 5, 6], 'the small ones are in the first message');
  const order = frames.filter(([kind]) => kind === 'chunk').map(([, id]) => id);
  t.deepEqual(order.slice(0, 8), [1, 2, 3, 4, 5, 6, 1, 2], 'one chunk each, in turn');
  t.true(frames.every(([kind, , , size]) => kind !== 'chunk' || (size as number) <= CHUNK_BYTES));
});

test('without a Credit a worker sends no more than the call’s first', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  link.root.run(leafCall([1], { maxPartBytes: 4 << 20 }), new Recorder());
  await link.settle();
  calls[0]!.part([1], Buffer.alloc(3 << 20), []);
  let sent = 0;
  for (let i = 0; i < 20; i++) {
    await turn();
    // Messages leave, but the root never reads them.
    link.toRoot.deliver(
      (message) => {
        for (const [kind, , , size] of seen([message])) if (kind === 'chunk') sent += size as number;
      },
      () => link.worker.drained(),
    );
  }
  t.is(sent, CREDIT_BYTES);
});

test('a unary answer of many times its credit arrives whole, while others pass it', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const large = new Recorder();
  link.root.run(leafCall([1, 2], { maxPartBytes: 4 << 20 }), large);
  await link.settle();
  const data = Buffer.alloc(4 << 20, 'regather');
  calls[0]!.part([1], data, []);
  calls[0]!.part([2], data, []);
  calls[0]!.end([], 0, 0, 0);
  await link.settle();
  t.deepEqual(large.failures, []);
  t.true(large.parts.length === 2 && large.parts.every((part) => part.data.equals(data)));
});

test('a streaming handler is held back until the caller grants', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorder = new Recorder();
  const handle = link.root.run(leafCall([1], { streaming: true }), recorder);
  await link.settle();
  const item = Buffer.alloc(40_000);
  let produced = 0;
  const producing = (async () => {
    for (; produced < 50; produced++) await calls[0]!.items(1, item, [item.length]);
    calls[0]!.end([], 0, 0, 0);
  })();
  await link.settle();
  const received = () => recorder.parts.length * item.length;
  t.true(received() <= CREDIT_BYTES, 'no more than the credit came');
  t.true(produced * item.length <= CREDIT_BYTES + 3 * 40_000, 'and little more was produced');
  t.is(recorder.ends.length, 0);
  for (let granted = 0; recorder.ends.length === 0; granted++) {
    if (granted > 60) break;
    handle.grant(item.length);
    await link.settle();
  }
  await producing;
  t.is(recorder.parts.length, 50);
  t.deepEqual(recorder.failures, []);
});

test('an item larger than the credit arrives, because the link grants what it holds itself', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorder = new Recorder();
  const handle = link.root.run(leafCall([1], { streaming: true, maxPartBytes: 1 << 20 }), recorder);
  await link.settle();
  const data = Buffer.alloc(1 << 20, 'item');
  for (let i = 0; i < 3; i++) {
    void calls[0]!.items(1, data, [data.length]);
    await link.settle();
    t.is(recorder.parts.length, i + 1);
    handle.grant(data.length);
    await link.settle();
  }
  calls[0]!.end([], 0, 0, 0);
  await link.settle();
  t.true(recorder.parts.every((part) => part.data.equals(data)));
  t.is(recorder.ends.length, 1);
});

test('a cancelled streaming handler is let go', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const handle = link.root.run(leafCall([1], { streaming: true }), new Recorder());
  await link.settle();
  const data = Buffer.alloc(900_000);
  const room = calls[0]!.items(1, data, [data.length]);
  t.true(room instanceof Promise);
  handle.cancel();
  await link.settle();
  await room;
  t.true(calls[0]!.cancelled);
  t.is(calls[0]!.items(1, data, [data.length]), undefined);
  calls[0]!.end([], 0, 0, 0);
  await link.settle();
  t.is(link.root.inFlight, 0);
  t.is(link.worker.inFlight, 0);
});

test('a root that does not read leaves two messages ahead, and everything arrives once it reads', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorders = Array.from({ length: 100 }, () => new Recorder());
  for (const recorder of recorders) link.root.run(leafCall([1]), recorder);
  await link.settle();
  for (const call of calls) {
    call.part([1], Buffer.alloc(100_000), []);
    call.end([], 0, 0, 0);
  }
  for (let i = 0; i < 50; i++) await turn();
  t.is(link.toRoot.queue.length, 2);
  t.true(link.toRoot.queue.every(({ message }) => message.length <= 256 * 1024));
  await link.settle();
  t.true(recorders.every(({ parts, failures }) => parts.length === 1 && failures.length === 0));
});

test('write() === false is honoured until drain', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  link.toRoot.limit = 1;
  link.root.run(leafCall([1]), new Recorder());
  link.root.run(leafCall([1]), new Recorder());
  await link.settle();
  calls[0]!.end([], 0, 0, 0);
  await turn();
  calls[1]!.end([], 0, 0, 0);
  for (let i = 0; i < 5; i++) await turn();
  t.is(link.toRoot.queue.length, 1);
  await link.settle();
  t.is(link.root.inFlight, 0);
});

test('a root that fetches much does not keep another from its small answer', async (t) => {
  const calls: IncomingCall[] = [];
  const [greedy, modest] = [pair((call) => calls.push(call)), pair((call) => calls.push(call))];
  await Promise.all([greedy.settle(), modest.settle()]);
  for (let i = 0; i < 20; i++) greedy.root.run(leafCall([1]), new Recorder());
  await greedy.settle();
  for (const call of calls) call.part([1], Buffer.alloc(1 << 20), []);
  await modest.settle();
  const small = new Recorder();
  modest.root.run(leafCall([1]), small);
  await modest.settle();
  calls.at(-1)!.part([1], Buffer.alloc(10), []);
  calls.at(-1)!.end([], 0, 0, 0);
  await modest.settle();
  t.is(small.parts.length, 1);
  t.is(greedy.toRoot.queue.length, 2, 'the other is still at its second message');
});
