import test from 'ava';
import { Backoff } from '../../shared/link/backoff.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { SilenceWatch } from '../../shared/link/silence.ts';
import { FakeClock, leafCall, pair, Recorder } from './memory.ts';

function watched(answers = false) {
  const clock = new FakeClock();
  const log: string[] = [];
  const state = { busy: false };
  const watch: SilenceWatch = new SilenceWatch({
    clock,
    limitMs: 800,
    idleMs: 10_000,
    busy: () => state.busy,
    ping: () => {
      log.push(`ping ${Math.round(clock.now() - 1000)}`);
      if (answers) queueMicrotask(() => watch.heard());
    },
    lost: (silentMs) => {
      log.push(`lost ${Math.round(clock.now() - 1000)} after ${Math.round(silentMs)}`);
      watch.stop();
    },
  });
  return { clock, log, watch, state };
}

test('a peer that owes something is asked after a third of the limit and given up at the limit', async (t) => {
  const { clock, log, watch, state } = watched();
  state.busy = true;
  watch.workBegins();
  await clock.advance(5000);
  t.deepEqual(log, ['ping 267', 'lost 800 after 800']);
  t.is(clock.pending, 0);
});

test('a peer that answers Pings is kept, however long the work takes', async (t) => {
  const { clock, log, watch, state } = watched(true);
  state.busy = true;
  watch.workBegins();
  await clock.advance(8000);
  t.true(log.length > 12);
  t.true(log.every((line) => line.startsWith('ping')));
});

test('a worker that is slow but answers Pings is not given up', async (t) => {
  const calls: IncomingCall[] = [];
  const link = pair((call) => calls.push(call));
  await link.settle();
  const recorder = new Recorder();
  link.root.run(leafCall([1]), recorder);
  for (let i = 0; i < 100; i++) {
    await link.settle();
    await link.clock.advance(100);
  }
  t.deepEqual(link.failed, []);
  calls[0]!.end(
    [{ shard: 1, code: 5, message: '', notStarted: false, pushbackMs: 0, source: 'task' }],
    0,
    0,
    0,
  );
  await link.settle();
  t.is(recorder.failures[0]?.code, 5);
  link.root.run(leafCall([1]), new Recorder());
  await link.clock.advance(1000);
  t.regex(link.failed[0]!.message, /silent for 800 ms with 1 calls open, 800 ms are allowed/);
});

test('silence before there was work does not count', async (t) => {
  const { clock, log, watch, state } = watched();
  await clock.advance(9000);
  state.busy = true;
  watch.workBegins();
  await clock.advance(790);
  t.deepEqual(log, ['ping 9267']);
  await clock.advance(10);
  t.deepEqual(log, ['ping 9267', 'lost 9800 after 800']);
});

test('a link at rest is asked now and then, and given up if it says nothing', async (t) => {
  const dead = watched();
  await dead.clock.advance(20_000);
  t.deepEqual(dead.log, ['ping 10000', 'lost 15000 after 5000']);
  const alive = watched(true);
  await alive.clock.advance(35_000);
  t.deepEqual(alive.log, ['ping 10000', 'ping 20000', 'ping 30000']);
});

// A root that collected garbage, or compiled a plan, for a second found all its links silent when its timers fired late, and dropped
// them although the answers lay in the sockets.
test('a stall of our own is not the peer’s silence', async (t) => {
  const { clock, log, watch, state } = watched();
  state.busy = true;
  watch.workBegins();
  await clock.stall(5000);
  t.false(log.some((line) => line.startsWith('lost')));
  watch.heard();
  await clock.advance(700);
  t.false(log.some((line) => line.startsWith('lost')));
  const silent = watched();
  silent.state.busy = true;
  silent.watch.workBegins();
  await silent.clock.stall(5000);
  await silent.clock.advance(900);
  t.true(
    silent.log.some((line) => line.startsWith('lost')),
    'but a dead peer is still found',
  );
});

test('a stall in the very last moment leaves the socket a turn', async (t) => {
  const { clock, log, watch, state } = watched();
  state.busy = true;
  watch.workBegins();
  await clock.advance(799);
  await clock.stall(2000);
  t.deepEqual(log, ['ping 267']);
  watch.heard();
  await clock.advance(100);
  t.deepEqual(log, ['ping 267']);
});

test('backoff doubles up to its bound, with jitter, and starts again', (t) => {
  let random = 0;
  const backoff = new Backoff({ firstMs: 50, maxMs: 1000, random: () => random });
  t.deepEqual([backoff.next(), backoff.next(), backoff.next()], [25, 50, 100]);
  random = 1;
  t.deepEqual([backoff.next(), backoff.next(), backoff.next()], [400, 800, 1000]);
  for (let i = 0; i < 2000; i++) t.true(backoff.next() <= 1000);
  backoff.reset();
  t.is(backoff.next(), 50);
});

test('work that begins while a Ping is out is held to the shorter limit', async (t) => {
  const { clock, log, watch, state } = watched();
  await clock.advance(10_500);
  state.busy = true;
  watch.workBegins();
  await clock.advance(5000);
  t.deepEqual(log, ['ping 10000', 'lost 11300 after 800']);
});
