/** The loops on a clock of the test: what is sent when, and what is recorded of it. */

import test from 'ava';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { readAnsweredShards } from '../../bench/load/generate/answered-shards.ts';
import { ClosedLoop } from '../../bench/load/generate/closed-loop.ts';
import type { Metronome } from '../../bench/load/generate/metronome.ts';
import { OpenLoop } from '../../bench/load/generate/open-loop.ts';
import { DROPPED, type SampleBatch, SampleBuffer, UNFINISHED } from '../../bench/load/generate/sample.ts';
import type { OnEnd, Sender } from '../../bench/load/generate/sender.ts';
import { ProgressMeter } from '../../bench/load/progress.ts';
import { Recording } from '../../bench/load/recording.ts';
import { blockSpans } from '../../bench/load/schedule/blocks.ts';
import { voidReasons } from '../../bench/load/void.ts';

/** A clock, its timers, a metronome that is exact, and a target that answers when told. */
class World implements Metronome, Sender {
  nowMs = 0;
  onWake: () => void = () => {};
  readonly #timers: { atMs: number; callback: () => void }[] = [];
  readonly sent: { atMs: number; body: string; end: OnEnd }[] = [];
  /** Answers by itself after so long. */
  serviceMs: number | undefined;

  wakeAt(timeMs: number): void {
    this.timer(() => this.onWake(), Math.max(0, timeMs - this.nowMs));
  }
  timer(callback: () => void, delayMs: number): void {
    this.#timers.push({ atMs: this.nowMs + Math.max(0, delayMs), callback });
  }
  send(body: Buffer, end: OnEnd): void {
    this.sent.push({ atMs: this.nowMs, body: body.toString(), end });
    if (this.serviceMs !== undefined) this.timer(() => end(0, undefined), this.serviceMs);
  }
  close(): void {}

  /** Runs timers in order; `freezeMs`: none runs before the clock is there, as if the process had stood still. */
  until(endMs: number, freezeMs = this.nowMs): void {
    this.nowMs = Math.max(this.nowMs, freezeMs);
    for (;;) {
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#timers[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }
}

function openLoop(times: number[], maxInFlight = 100) {
  const world = new World();
  const samples = new SampleBuffer(2);
  let done = 0;
  const share = {
    times: Float64Array.from(times),
    picks: Uint32Array.from(times, (_, i) => i % 2),
    bodies: [Buffer.from('a'), Buffer.from('b')],
  };
  const parts = { sender: world, samples, now: () => world.nowMs, onDone: () => done++ };
  const loop = new OpenLoop(share, maxInFlight, world, parts);
  return { world, samples, loop, doneCount: () => done };
}

const rows = ({ count, atMs, lateUs, latencyUs, code }: SampleBatch): number[][] =>
  Array.from({ length: count }, (_, i) => [atMs[i]!, lateUs[i]!, latencyUs[i]!, code[i]!]);

test('an open loop sends what is due when it is due, whatever has become of the rest', (t) => {
  const { world, loop, samples, doneCount } = openLoop([-5, 10, 20]);
  world.nowMs = 990;
  loop.start(1000);
  world.until(1015);
  t.deepEqual(
    world.sent.map(({ atMs, body }) => [atMs, body]),
    [
      [995, 'a'],
      [1010, 'b'],
    ],
  );
  world.sent[1]!.end(14, undefined);
  world.until(1100);
  t.is(world.sent[2]!.atMs, 1020);
  t.is(doneCount(), 0);
  world.sent[0]!.end(0, { expected: 4, answered: 3 });
  world.sent[2]!.end(0, undefined);
  t.true(loop.done);
  t.true(doneCount() > 0);
  t.deepEqual(rows(samples.take()), [
    [10, 0, 5000, 14],
    [-5, 0, 105_000, 0],
    [20, 0, 80_000, 0],
  ]);
});

test('a generator that stood still sends late, and the wait is in the latency', (t) => {
  const { world, loop, samples } = openLoop([10, 20, 30]);
  loop.start(0);
  world.serviceMs = 1;
  world.until(60, 50);
  t.deepEqual(rows(samples.take()), [
    [10, 40_000, 41_000, 0],
    [20, 30_000, 31_000, 0],
    [30, 20_000, 21_000, 0],
  ]);
});

test('what is more than a second late, or above what may be in flight, is dropped and told', (t) => {
  const late = openLoop([10, 2000]);
  late.loop.start(0);
  late.world.serviceMs = 1;
  late.world.until(2010, 1500);
  t.deepEqual(rows(late.samples.take()), [
    [10, 0, 0, DROPPED],
    [2000, 0, 1000, 0],
  ]);
  const full = openLoop([1, 2, 3], 2);
  full.loop.start(0);
  full.world.until(10);
  t.deepEqual(rows(full.samples.take()), [[3, 0, 0, DROPPED]]);
  t.is(full.world.sent.length, 2);
});

test('a stop sends nothing more; abandoning tells of what is under way, once', (t) => {
  const { world, loop, samples, doneCount } = openLoop([1, 2, 30]);
  loop.start(0);
  world.until(10);
  world.sent[0]!.end(0, undefined);
  loop.stop();
  t.is(doneCount(), 0);
  world.until(100);
  t.is(world.sent.length, 2);
  loop.abandon();
  world.sent[1]!.end(0, undefined);
  t.deepEqual(rows(samples.take()), [
    [1, 0, 9000, 0],
    [2, 0, 0, UNFINISHED],
  ]);
});

test('a generator that is abandoned before it could send all has dropped the rest', (t) => {
  const { loop, samples } = openLoop([1, 2]);
  loop.start(0);
  loop.abandon();
  t.deepEqual(
    rows(samples.take()).map(([atMs, , , code]) => [atMs, code]),
    [
      [1, DROPPED],
      [2, DROPPED],
    ],
  );
});

function closedLoop(options: { inFlight: number; fromMs: number; durationMs: number; count: number }) {
  const world = new World();
  const samples = new SampleBuffer();
  const parts = { sender: world, samples, now: () => world.nowMs, onDone: () => {} };
  const loop = new ClosedLoop(
    { ...options, bodyOf: (i) => Buffer.from(String(i)) },
    parts,
    (callback, delayMs) => world.timer(callback, delayMs),
  );
  return { world, samples, loop };
}

test('a closed loop keeps so many in flight, from its warm-up to its end', (t) => {
  const { world, samples, loop } = closedLoop({ inFlight: 2, fromMs: -10, durationMs: 20, count: 1e9 });
  world.serviceMs = 4;
  loop.start(10);
  world.until(100);
  t.true(loop.done);
  const measured = rows(samples.take()).filter(([atMs]) => atMs! >= 0);
  // From 2, 6, 10, 14, 18 on the schedule's axis, two each.
  t.is(measured.length, 10);
  t.true(measured.every(([, , latencyUs]) => latencyUs === 4000));
});

test('a closed loop ends with its count, and does not spin on failures', (t) => {
  const { world, samples, loop } = closedLoop({ inFlight: 2, fromMs: 0, durationMs: 1000, count: 3 });
  loop.start(0);
  world.until(0);
  t.is(world.sent.length, 2);
  world.sent[0]!.end(14, undefined);
  t.is(world.sent.length, 2);
  world.until(1);
  t.is(world.sent.length, 3);
  world.sent[1]!.end(0, undefined);
  world.sent[2]!.end(0, undefined);
  t.true(loop.done);
  t.is(samples.count, 3);
});

const phase = { name: 'x', startMs: 0, durationMs: 500, offeredPerSecond: 20 };

function batch(
  samples: readonly (readonly [atMs: number, latencyUs: number, code: number, shards?: number[]])[],
): SampleBatch {
  const buffer = new SampleBuffer();
  for (const [atMs, latencyUs, code, shards = [0, 0]] of samples)
    buffer.add(atMs, 100, latencyUs, code, shards[0]!, shards[1]!);
  return buffer.take();
}

test('blocks count what was scheduled in them, whenever it ended, and add up', (t) => {
  const recording = new Recording({
    spans: blockSpans([phase]),
    times: Float64Array.from([-1, 10, 20, 30, 40, 60, 480]),
  });
  recording.add(
    batch([
      [-1, 5, 0],
      [10, 1000, 0, [4, 4]],
      [20, 2000, 0, [4, 3]],
    ]),
  );
  recording.add(
    batch([
      [30, 3000, 4, [4, 1]],
      [40, 0, DROPPED],
      [60, 0, UNFINISHED],
    ]),
  );
  const blocks = recording.blocks(500);
  t.is(blocks.length, 10);
  const [first, second] = blocks;
  const { latency, lateness, ...counts } = first!;
  t.deepEqual(counts, {
    startMs: 0,
    durationMs: 50,
    phase: 0,
    scheduled: 4,
    ok: 2,
    errors: { DEADLINE_EXCEEDED: 1 },
    dropped: 1,
    unfinished: 0,
    partial: 1,
    shardsExpected: 12,
    shardsAnswered: 8,
  });
  t.is(decodeFromCompressedBase64(latency).totalCount, 2);
  t.is(decodeFromCompressedBase64(latency).maxValue, 2000);
  t.is(decodeFromCompressedBase64(lateness).totalCount, 3);
  t.is(second!.unfinished, 1);
  // Its generator died before it told.
  t.is(blocks[9]!.unfinished, 1);
  for (const block of blocks) {
    const errors = Object.values(block.errors).reduce((sum, count) => sum + count, 0);
    t.is(block.scheduled, block.ok + errors + block.dropped + block.unfinished);
  }
});

test('an interrupted run ends where it was: what was due later was never scheduled', (t) => {
  const recording = new Recording({
    spans: blockSpans([phase]),
    times: Float64Array.from([10, 70, 90, 400]),
  });
  recording.add(
    batch([
      [10, 1, 0],
      [70, 1, 0],
    ]),
  );
  const blocks = recording.blocks(80);
  t.deepEqual(
    blocks.map(({ durationMs, scheduled }) => [durationMs, scheduled]),
    [
      [50, 1],
      [30, 1],
    ],
  );
});

test('a run is void for drops, for lateness, for a busy generator, for a dead one and for no answers; else not', (t) => {
  const good = {
    blocks: [{ scheduled: 100, dropped: 0, ok: 99 }],
    latenessP99Ms: 2,
    busy: [0.9, 0.1],
    maxInFlight: 10,
    failures: [],
  };
  t.deepEqual(voidReasons(good), []);
  t.deepEqual(voidReasons({ ...good, latenessP99Ms: Number.NaN }), []);
  const reason = (change: object): string => {
    const reasons = voidReasons({ ...good, ...change });
    t.is(reasons.length, 1);
    return reasons[0]!;
  };
  t.regex(
    reason({ blocks: [{ scheduled: 100, dropped: 1, ok: 99 }] }),
    /^1 of 100 requests \(1\.0 %\) were not sent: 10 /,
  );
  t.regex(reason({ latenessP99Ms: 2.04 }), /sent late: 2\.0 ms at p99/);
  t.regex(reason({ busy: [0.1, 0.95] }), /bottleneck: busy 95 %/);
  t.regex(reason({ failures: ['generator 1 ended early, with SIGKILL.'] }), /^generator 1 ended early/);
  t.regex(reason({ blocks: [{ scheduled: 9, dropped: 0, ok: 0 }] }), /^No request was answered/);
  // A run too short for one keeps its generator busy with beginning and ending, and nothing of it could have been late.
  t.is(reason({ blocks: [{ scheduled: 0, dropped: 0, ok: 0 }], busy: [1] }), 'No request was sent.');
});

test('progress tells of the last moments, and counts the measured part', (t) => {
  const meter = new ProgressMeter(-1000, 5000);
  meter.add(
    batch([
      [-500, 1000, 0],
      [-400, 3000, 0],
    ]),
  );
  const warm = meter.take(0);
  t.like(warm, { ok: 0, okPerSecond: 2, p50Ms: 1, p99Ms: 3, coverage: Number.NaN });
  meter.add(
    batch([
      [100, 2000, 0, [4, 3]],
      [200, 0, 14, [4, 1]],
      [300, 0, DROPPED],
    ]),
  );
  t.like(meter.take(1000), { ok: 1, errors: 1, dropped: 1, perSecond: 2, okPerSecond: 1, coverage: 0.5 });
});

test('coverage is read by its two counts; broken bytes tell nothing', (t) => {
  t.deepEqual(readAnsweredShards(Buffer.from([8, 0xac, 2, 16, 5, 26, 2, 1, 1, 32, 7])), {
    expected: 300,
    answered: 5,
  });
  t.deepEqual(readAnsweredShards(Buffer.alloc(0)), { expected: 0, answered: 0 });
  t.is(readAnsweredShards(Buffer.from([8])), undefined);
});
