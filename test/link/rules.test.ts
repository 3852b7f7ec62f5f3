/** What the root makes of a worker that doesn't keep to the protocol, frame by frame. */
import test, { type ExecutionContext } from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { FrameWriter } from '../../shared/link/frame-writer.ts';
import { CREDIT_BYTES } from '../../shared/link/frames.ts';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';
import { helloOf, leafCall, Recorder, turn } from './memory.ts';
import { Scripted } from './scripted.ts';

const failure = (shard: number, code = 9, message = 'no'): TaskFailure => ({
  shard,
  code,
  message,
  notStarted: false,
  pushbackMs: 0,
  source: 'task',
});

function survives(t: ExecutionContext, link: Scripted): void {
  t.deepEqual(link.failed, []);
  const recorder = link.start([5]);
  link.part(2, 0, 'fine', [5]);
  link.frames.end(2, [], 0, 0, 0);
  link.say();
  t.is(recorder.parts.length, 1);
  t.deepEqual(recorder.failures, []);
}

test('a part for a shard that was not asked fails the asked ones in it, and the link lives on', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2, 3]);
  link.part(1, 0, 'good', [1]);
  link.part(1, 1, 'mixed', [2, 7]);
  link.frames.end(1, [failure(3)], 0, 0, 0);
  link.say();
  t.deepEqual(
    recorder.parts.map(({ shards }) => shards),
    [[1]],
  );
  t.deepEqual(
    recorder.failures.map(({ shard, source }) => [shard, source]),
    [
      [2, 'protocol'],
      [3, 'task'],
    ],
  );
  t.regex(recorder.failures[0]!.message, /shard 7, which wasn't asked/);
  survives(t, link);
});

test('a worker that answers for another shard only is named for it at the end', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([3]);
  link.part(1, 0, 'wrong', [7]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.deepEqual(recorder.parts, []);
  t.regex(recorder.failures[0]!.message, /without a part or a status for it, and a part is for shard 7/);
  survives(t, link);
});

test('the second part of a shard is dropped and takes only the others in it along', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2]);
  link.part(1, 0, 'first', [1]);
  link.part(1, 1, 'again', [1, 2], [2, 2]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.deepEqual(
    recorder.parts.map(({ data }) => data.toString()),
    ['first'],
  );
  t.deepEqual(
    recorder.failures.map(({ shard, source, code }) => [shard, source, code]),
    [[2, 'protocol', 13]],
  );
  t.regex(recorder.failures[0]!.message, /shard 1, which is in an earlier part/);
  survives(t, link);
});

for (const [name, shards, segments, rule] of [
  ['of no shard', [], [], /for no shard/],
  ['whose shards do not ascend', [2, 1], [], /don't ascend: 2, 1/],
  ['with too few segments', [1, 2], [3], /1 segments for 2 shards/],
  ['whose segments are longer than it', [1, 2], [3, 3], /segments have 6 bytes, the part has 5/],
] as const) {
  test(`a part ${name} is a protocol failure`, (t) => {
    const link = new Scripted().greet();
    const recorder = link.start([1, 2]);
    link.part(1, 0, 'abcde', shards, segments);
    link.frames.end(1, [], 0, 0, 0);
    link.say();
    t.is(recorder.parts.length, 0);
    t.deepEqual(
      recorder.failures.map(({ source }) => source),
      ['protocol', 'protocol'],
    );
    t.regex(recorder.failures[0]!.message, rule);
    survives(t, link);
  });
}

test('a part above max_part_bytes fails its shards with both sizes; others are untouched', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2], { maxPartBytes: 100 });
  const large = Buffer.alloc(150);
  link.frames.chunk(1, 0, large, 0, 90, false, [], []);
  link.frames.chunk(1, 1, large, 90, 150, true, [1], []);
  link.part(1, 2, 'small', [2]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.deepEqual(
    recorder.parts.map(({ shards }) => shards),
    [[2]],
  );
  t.deepEqual(
    recorder.failures.map(({ shard, code, source }) => [shard, code, source]),
    [[1, 8, 'protocol']],
  );
  t.regex(recorder.failures[0]!.message, /150 bytes, max_part_bytes is 100/);
  survives(t, link);
});

test('a part that never stops growing is cancelled', async (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1], { maxPartBytes: 100 });
  const data = Buffer.alloc(32 * 1024);
  for (let seq = 0; seq < 10 && recorder.ends.length === 0; seq++) {
    link.frames.chunk(1, seq, data, 0, data.length, false, [], []);
    link.say();
    await turn();
    link.written();
  }
  await turn();
  t.is(recorder.failures[0]!.code, 8);
  t.regex(recorder.failures[0]!.message, /max_part_bytes is 100/);
  t.true(link.written().some(([kind, id]) => kind === 'cancel' && id === 1));
  t.is(link.end.inFlight, 1, 'the worker still owes the End');
  link.frames.end(1, [failure(1, 1)], 0, 0, 0);
  link.say();
  t.is(link.end.inFlight, 0);
  t.is(recorder.ends.length, 1);
});

test('a gap in seq breaks the call, not the link', async (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2]);
  link.part(1, 0, 'good', [1]);
  link.part(1, 2, 'gap', [2]);
  link.say();
  await turn();
  t.deepEqual(
    recorder.failures.map(({ shard, source }) => [shard, source]),
    [[2, 'protocol']],
  );
  t.regex(recorder.failures[0]!.message, /chunk 2 came where 1 was due/);
  link.part(1, 3, 'late', [2]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.is(recorder.parts.length, 1);
  survives(t, link);
});

test('a worker that sends more than its credit breaks the call', async (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1], { streaming: true, maxPartBytes: 1 << 20 });
  const data = Buffer.alloc(32 * 1024);
  for (let seq = 0; seq <= CREDIT_BYTES / data.length; seq++)
    link.frames.chunk(1, seq, data, 0, data.length, true, [1], [data.length]);
  link.say();
  await turn();
  t.is(recorder.parts.length, CREDIT_BYTES / data.length);
  t.regex(recorder.failures[0]!.message, /32768 bytes above its credit/);
  t.is(recorder.failures[0]!.source, 'protocol');
});

test('an End leaves no task without an outcome', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2, 3, 4]);
  link.part(1, 0, 'good', [1]);
  link.frames.chunk(1, 1, Buffer.from('half'), 0, 4, false, [], []);
  link.frames.end(1, [failure(1), failure(2, 0), failure(3), failure(3, 5), failure(9)], 10, 20, 7);
  link.say();
  t.deepEqual(
    recorder.failures.map(({ shard, code, source }) => [shard, code, source]),
    [
      [2, 13, 'protocol'],
      [3, 9, 'task'],
      [4, 13, 'protocol'],
    ],
  );
  t.regex(recorder.failures[2]!.message, /in the middle of a part, and a status is for shard 9/);
  t.deepEqual(
    { ...recorder.ends[0], failures: [] },
    { failures: [], queueUs: 10, serviceUs: 20, inFlight: 7 },
  );
  t.is(link.end.lastLoad, 7);
  survives(t, link);
});

test('a part that the caller cannot use is that shard’s failure', (t) => {
  const link = new Scripted().greet();
  const recorder = new Recorder();
  link.end.run(leafCall([1, 2]), {
    part(shards, data, segments) {
      if (shards[0] === 1) throw new RegatherError('PARTIAL_MALFORMED', 'field 3 is cut off');
      recorder.part(shards, data, segments);
    },
    end: (end) => recorder.end(end),
  });
  link.part(1, 0, 'bad', [1]);
  link.part(1, 1, 'good', [2]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.is(recorder.parts.length, 1);
  t.deepEqual(
    recorder.failures.map(({ shard, source }) => [shard, source]),
    [[1, 'protocol']],
  );
  t.regex(recorder.failures[0]!.message, /field 3 is cut off/);
  survives(t, link);
});

test('items of a streaming part must be all of it', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1, 2], { streaming: true });
  link.part(1, 0, 'abcd', [1], [1, 3]);
  link.part(1, 1, 'abcd', [2], [1, 2]);
  link.part(1, 2, 'abcd', [1], [4]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.deepEqual(
    recorder.parts.map(({ shards, segmentBytes }) => [shards, segmentBytes]),
    [
      [[1], [1, 3]],
      [[1], [4]],
    ],
  );
  t.deepEqual(
    recorder.failures.map(({ shard }) => shard),
    [2],
  );
});

test('late frames of ended calls are dropped, frames of calls that never were end the link', (t) => {
  const link = new Scripted().greet();
  const recorder = link.start([1]);
  link.part(1, 0, 'good', [1]);
  link.frames.end(1, [], 0, 0, 0);
  link.part(1, 1, 'late', [1]);
  link.frames.end(1, [], 0, 0, 0);
  link.say();
  t.is(recorder.parts.length, 1);
  t.is(recorder.ends.length, 1);
  t.deepEqual(link.failed, []);
  link.part(2, 0, 'never asked', [1]);
  link.say();
  t.is(link.failed[0]?.code, 'LINK_PROTOCOL');
  t.regex(link.failed[0]!.message, /Chunk has id 2, the highest given is 1/);
});

for (const [name, write, rule] of [
  ['Call', (frames: FrameWriter) => frames.call(1, leafCall([1]), 1, 1), /Call, which is a root's/],
  ['Cancel', (frames: FrameWriter) => frames.cancel(1), /Cancel, which is a root's/],
  ['Credit', (frames: FrameWriter) => frames.credit(1, 1), /Credit, which is a root's/],
  ['a second Hello', (frames: FrameWriter) => frames.hello(helloOf('w')), /Hello came twice/],
] as const) {
  test(`a worker that sends ${name} ends the link and fails its calls`, (t) => {
    const link = new Scripted().greet();
    const recorder = link.start([1]);
    write(link.frames);
    link.say();
    t.is(link.failed[0]?.code, 'LINK_PROTOCOL');
    t.regex(link.failed[0]!.message, rule);
    t.deepEqual(
      recorder.failures.map(({ code, source }) => [code, source]),
      [[14, 'transport']],
    );
  });
}

test('garbage ends the link; what was whole before it counts', (t) => {
  const link = new Scripted().greet();
  const [first, second] = [link.start([1]), link.start([2])];
  link.part(1, 0, 'good', [1]);
  link.frames.end(1, [], 0, 0, 0);
  link.end.receive(Buffer.concat([link.frames.take(), Buffer.from([0x0a, 0xff, 0xff])]));
  t.is(first!.parts.length, 1);
  t.deepEqual(first!.failures, []);
  t.is(link.failed[0]?.code, 'LINK_PROTOCOL');
  t.is(second!.failures[0]?.source, 'transport');
});

test('nothing may come before Hello, and a Hello may be refused or too old', (t) => {
  const early = new Scripted();
  early.frames.state(false, [], 0);
  early.say();
  t.regex(early.failed[0]!.message, /State came before Hello/);
  const refused = new Scripted(() => 'field 1 differs').greet();
  t.is(refused.failed[0]?.code, 'LINK_REFUSED');
  t.is(refused.failed[0]?.message, 'field 1 differs');
  const old = new Scripted().greet({ version: 0 });
  t.regex(old.failed[0]!.message, /version 0/);
  t.deepEqual(new Scripted().greet({ version: 99 }).failed, []);
});
