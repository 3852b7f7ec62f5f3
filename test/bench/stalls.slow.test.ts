/**
 * The tool finds what it should: a server at a small part of its capacity that stands still for a tenth of the time makes one request in a hundred
 * wait for nine tenths of a stall. What is expected isn't taken from the plan but from when the server says that it stood still.
 */
import test from 'ava';
import { hrtimeMs } from '../../bench/load/generate/monotonic.ts';
import { type LoadOptions, runLoad } from '../../bench/load/load.ts';
import type { LoadRun } from '../../bench/load/run.ts';
import { scheduleOf } from '../../bench/load/schedule/schedule.ts';
import { constantRate } from '../../bench/load/schedule/stretches.ts';
import { BenchProcess } from '../../bench/process/bench-process.ts';
import { addHistograms } from '../../bench/report/histogram.ts';
import { type Stall, stallPath } from './stalling-server.ts';

const everyMs = 10_000;
const forMs = 1000;
const stretches = [constantRate(60, 20_000)];
const seed = 3;
const warmUpMs = 1000;

test.serial('an open loop tells of the stalls, where a closed loop is blind to them', async (t) => {
  t.timeout(180_000);
  const server = new BenchProcess('stalling server', '../test/bench/stalling-server.ts');
  t.teardown(() => server.stop());
  const address = await server.ask<string>('start', { everyMs, forMs });
  const options = {
    name: 'stalls',
    target: { address, path: stallPath, streaming: false, metadata: [], deadlineMs: 10_000, connections: 1 },
    requests: { bodies: [Buffer.from('request')], order: 'cycle' },
    warmUpMs,
    processes: 1,
    maxInFlight: 10_000,
    seed,
  } satisfies Partial<LoadOptions>;

  let startAtMs = Number.NaN;
  const open = await runLoad({
    ...options,
    load: { loop: 'open', stretches, arrivals: 'poisson' },
    onStart: (startMs) => {
      startAtMs = startMs - performance.now() + hrtimeMs();
    },
  });
  const stalls = await server.ask<Stall[]>('stalls');
  const { times } = scheduleOf({ stretches, arrivals: 'poisson', seed, warmUpMs });
  const waits = [...times].filter((time) => time >= 0).map((time) => waitOf(time + startAtMs, stalls));
  const analytical = quantile(waits, 0.99);
  t.true(analytical > 0.7 * forMs, `the server stood still for less than it should: ${analytical} ms at p99`);
  const measured = p99Ms(open);
  t.log(`p99: ${measured.toFixed(1)} ms measured, ${analytical.toFixed(1)} ms by the server's stalls`);
  t.true(Math.abs(measured / analytical - 1) <= 0.05, `${measured} ms, expected ${analytical} ms ± 5 %`);

  const closed = await runLoad({
    ...options,
    load: { loop: 'closed', inFlight: 4, durationMs: everyMs },
  });
  t.log(`closed loop: ${p99Ms(closed).toFixed(2)} ms`);
  t.true(p99Ms(closed) < analytical / 10);
  // It was there all the time, and has even seen them: its four slowest requests per stall.
  t.true(latencyOf(closed).maxValue / 1000 > 0.9 * forMs);
});

function waitOf(atMs: number, stalls: readonly Stall[]): number {
  const stall = stalls.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);
  return stall === undefined ? 0 : stall.toMs - atMs;
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1]!;
}

function latencyOf(run: LoadRun) {
  return addHistograms(run.blocks.map((block) => block.latency))!;
}

function p99Ms(run: LoadRun): number {
  return latencyOf(run).getValueAtPercentile(99) / 1000;
}
