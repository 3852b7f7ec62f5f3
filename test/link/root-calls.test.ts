/** What the root's end of a link promises to those who start calls. */
import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import { leafCall, Recorder, turn } from './memory.ts';
import { Scripted } from './scripted.ts';

test('calls not written when the link is lost never started; written ones may have', async (t) => {
  const link = new Scripted().greet();
  await turn();
  const written = link.start([1]);
  await turn();
  const sameTurn = link.start([2]);
  link.end.lose(new RegatherError('LINK_LOST', 'cut'));
  const after = link.start([3]);
  t.is(after.ends.length, 0, 'not from within run');
  await turn();
  t.deepEqual(
    [written, sameTurn, after].map(({ failures }) => failures[0]!.notStarted),
    [false, true, true],
  );
  t.true([written, sameTurn, after].every(({ failures }) => failures[0]!.source === 'transport'));
});

test('while the transport is behind, calls wait outside it, can be cancelled there and are bounded', async (t) => {
  const link = new Scripted().greet();
  await turn();
  link.start([1]);
  await turn();
  const waiting = Array.from({ length: 4096 }, () => new Recorder());
  const handles = waiting.map((recorder) => link.end.run(leafCall([1]), recorder));
  const tooMany = link.start([1]);
  for (let i = 0; i < 10; i++) await turn();
  t.is(link.pipe.queue.length, 2, 'two messages are ahead and no more');
  t.is(tooMany.failures[0]?.code, 8);
  t.true(tooMany.failures[0]!.notStarted);
  for (const handle of handles.slice(0, 4000)) handle.cancel();
  await turn();
  t.deepEqual(
    waiting.slice(0, 4000).filter(({ ends }) => ends.length !== 1 || !ends[0]!.failures[0]!.notStarted),
    [],
  );
  while (
    link.pipe.deliver(
      () => undefined,
      () => link.end.drained(),
    )
  )
    await turn();
  t.is(link.end.inFlight, 97);
});

test('more calls than the worker takes are refused at once, not started', async (t) => {
  const link = new Scripted().greet({ maxCalls: 2 });
  const recorders = [link.start([1]), link.start([1]), link.start([1])];
  await turn();
  t.deepEqual(
    recorders.map(({ ends }) => ends.length),
    [0, 0, 1],
  );
  t.deepEqual(
    recorders[2]!.failures.map(({ code, notStarted }) => [code, notStarted]),
    [[8, true]],
  );
});

test('a call larger than the worker takes is refused and names both sizes', async (t) => {
  const link = new Scripted().greet({ maxMessageBytes: 1000 });
  const large = link.start([1], { payload: Buffer.alloc(2000) });
  const small = link.start([1], { payload: Buffer.alloc(100) });
  await turn();
  t.is(large.failures[0]!.code, 8);
  t.regex(large.failures[0]!.message, /the call has 20\d\d bytes, the worker takes 1000/);
  t.is(small.ends.length, 0);
});

test('a Ping is answered with its own token', async (t) => {
  const link = new Scripted().greet();
  link.frames.ping(2n ** 63n + 5n, false);
  link.frames.ping(1n, true);
  link.say();
  await turn();
  t.deepEqual(
    link.written().filter(([kind]) => kind === 'ping'),
    [['ping', 2n ** 63n + 5n, true]],
  );
});

test('cancel ends the call in the next turn and tells the worker once', async (t) => {
  const link = new Scripted().greet();
  const recorder = new Recorder();
  const handle = link.end.run(leafCall([1, 2]), recorder);
  link.part(1, 0, 'good', [1]);
  link.say();
  handle.cancel();
  handle.cancel();
  t.is(recorder.ends.length, 0);
  link.part(1, 1, 'late', [2]);
  link.say();
  await turn();
  await turn();
  t.is(recorder.parts.length, 1);
  t.deepEqual(
    recorder.failures.map(({ shard, code, notStarted }) => [shard, code, notStarted]),
    [[2, 1, false]],
  );
  t.is(link.written().filter(([kind]) => kind === 'cancel').length, 1);
});
