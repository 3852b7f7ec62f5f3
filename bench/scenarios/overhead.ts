/** What a root costs: the same answer from six roots over the same shards, interleaved in one run. */
import { join } from 'node:path';
import { type Arm, startArms } from '../process/arms.ts';
import { BenchProcess } from '../process/bench-process.ts';
import type { Usage } from '../process/child.ts';
import type { Marked } from '../process/client.ts';
import { readMachine } from '../report/machine.ts';
import { type Measured, medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, type Scenario } from '../scenario.ts';

const levels = [1, 8, 32];
const baseline = 'by-hand';

export const overhead: Scenario = {
  name: 'overhead',
  claim: 'A root over links costs a small part of the CPU of a root written by hand, for the same answer.',
  arms: {
    'by-hand': 'hand-written: Promise.all over 16 unary grpc-js calls',
    batched: 'hand-written, batched per worker: 8 unary grpc-js calls',
    plain: 'Regather, its links turned off: 16 unary calls',
    'links-no-combine': 'Regather over links, workers do not combine their shards',
    links: 'Regather over links',
    empty: 'a grpc-js server that answers by itself: the floor',
  },
  metrics: {
    'root CPU': 'process.cpuUsage() of the root over the window, per answer (µs)',
    answers: 'answers per second that the client got',
    p50: 'median latency at the client (ms)',
    p99: '99th percentile at the client (ms)',
    'all CPU': 'client, root and workers together, per answer (µs)',
    RSS: "the root's resident memory, idle, after forced collections (MiB)",
  },
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const names = chooseArms(overhead, options.arms);
  const rounds = options.rounds ?? (options.smoke ? 1 : 5);
  const seconds = options.seconds ?? (options.smoke ? 0.2 : 3);
  const warmUpSeconds = options.smoke ? 0.1 : 1;
  const samples = new Map<string, Measured & { samples: number[] }>();
  const record = (arm: string, condition: string, metric: string, unit: string, value: number): void => {
    const key = `${arm}/${condition}/${metric}`;
    const known = samples.get(key);
    if (known === undefined) samples.set(key, { arm, condition, metric, unit, samples: [value] });
    else known.samples.push(value);
  };

  try {
    options.progress('starting workers and roots');
    const arms = await startArms(names);
    for (let round = 0; round < rounds; round++) {
      for (const inFlight of levels) {
        for (let i = 0; i < arms.length; i++) {
          // Another arm goes first in every round.
          const arm = arms[(i + round) % arms.length]!;
          const condition = `${inFlight} in flight`;
          options.progress(`round ${round + 1} of ${rounds}, ${condition}, ${arm.name}`);
          const window = await measure(arm, inFlight, warmUpSeconds, seconds);
          record(arm.name, condition, 'root CPU', 'µs', window.rootCpuUs);
          record(arm.name, condition, 'answers', '/s', window.answersPerSecond);
          record(arm.name, condition, 'p50', 'ms', window.p50Ms);
          record(arm.name, condition, 'p99', 'ms', window.p99Ms);
          record(arm.name, condition, 'all CPU', 'µs', window.allCpuUs);
        }
      }
      for (const arm of arms)
        record(arm.name, 'idle', 'RSS', 'MiB', (await arm.root.ask<number>('rss')) / 2 ** 20);
    }
    if (options.cpuProfDir !== undefined) {
      for (const inFlight of [1, 32]) {
        for (const arm of arms)
          await profile(arm, inFlight, options.cpuProfDir, Math.max(seconds, 1), options);
      }
    }
  } finally {
    await BenchProcess.stopAll();
  }

  const measured = withRatios([...samples.values()], baseline);
  return {
    scenario: overhead.name,
    claim: overhead.claim,
    baseline,
    machine,
    at: new Date().toISOString(),
    smoke: options.smoke,
    options: { rounds, seconds, 'warm-up seconds': warmUpSeconds, arms: names },
    measured,
    headline: [
      { condition: '32 in flight', metric: 'root CPU' },
      { condition: '32 in flight', metric: 'answers' },
      { condition: '32 in flight', metric: 'p99' },
      { condition: '1 in flight', metric: 'p50' },
      { condition: 'idle', metric: 'RSS' },
    ],
    targets: targetsOf(measured),
    notes: [],
  };
}

interface Window {
  readonly rootCpuUs: number;
  readonly allCpuUs: number;
  readonly answersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(arm: Arm, inFlight: number, warmUpSeconds: number, seconds: number): Promise<Window> {
  await arm.client.ask('start', { arm: arm.name, inFlight });
  await sleep(warmUpSeconds);
  const others = [arm.client, ...arm.workers];
  const [warm, rootBefore, ...othersBefore] = await Promise.all([
    arm.client.ask<Marked>('mark', { arm: arm.name }),
    arm.root.usage(),
    ...others.map((other) => other.usage()),
  ]);
  await sleep(seconds);
  const [marked, rootAfter, ...othersAfter] = await Promise.all([
    arm.client.ask<Marked>('mark', { arm: arm.name }),
    arm.root.usage(),
    ...others.map((other) => other.usage()),
  ]);
  await arm.client.ask('stop', { arm: arm.name });
  for (const { failures, firstFailure } of [warm, marked]) {
    if (failures > 0)
      throw new Error(`${arm.name}: ${failures} answers failed, the first with ${firstFailure}`);
  }
  if (marked.answers === 0)
    throw new Error(`${arm.name}: no answer in ${seconds} s at ${inFlight} in flight`);
  const answersPerMs = marked.answers / marked.elapsedMs;
  const rootCpuUs = cpuUsPerMs(rootBefore, rootAfter) / answersPerMs;
  const otherCpuUs =
    othersAfter.reduce((sum, after, i) => sum + cpuUsPerMs(othersBefore[i]!, after), 0) / answersPerMs;
  return {
    rootCpuUs,
    allCpuUs: rootCpuUs + otherCpuUs,
    answersPerSecond: answersPerMs * 1000,
    p50Ms: marked.p50Ms,
    p99Ms: marked.p99Ms,
  };
}

/** Rates, because the processes don't read their clocks at the same moment. */
function cpuUsPerMs(before: Usage, after: Usage): number {
  return (after.cpuUs - before.cpuUs) / (after.atMs - before.atMs);
}

async function profile(
  arm: Arm,
  inFlight: number,
  folder: string,
  seconds: number,
  options: RunOptions,
): Promise<void> {
  options.progress(`profile of ${arm.name} at ${inFlight} in flight`);
  await arm.client.ask('start', { arm: arm.name, inFlight });
  await sleep(1);
  await arm.root.ask('profileStart');
  await sleep(seconds);
  await arm.root.ask('profileStop', { file: join(folder, `${arm.name}-${inFlight}.cpuprofile`) });
  await arm.client.ask('stop', { arm: arm.name });
}

function targetsOf(measured: readonly Measured[]): Target[] {
  const at = (arm: string, metric: string, inFlight: number): number =>
    medianOf(measured, arm, metric, `${inFlight} in flight`);
  const ratio = (arm: string, to: string, metric: string, inFlight: number): number =>
    at(arm, metric, inFlight) / at(to, metric, inFlight);
  return [
    {
      text: 'links: root CPU against by-hand, 32 in flight',
      value: ratio('links', 'by-hand', 'root CPU', 32),
      bound: 0.1,
      direction: 'at most',
    },
    {
      text: 'links: root CPU against batched, 32 in flight',
      value: ratio('links', 'batched', 'root CPU', 32),
      bound: 0.2,
      direction: 'at most',
    },
    {
      text: 'links: answers/s against by-hand, 32 in flight',
      value: ratio('links', 'by-hand', 'answers', 32),
      bound: 8,
      direction: 'at least',
    },
    {
      text: 'links: answers/s against batched, 32 in flight',
      value: ratio('links', 'batched', 'answers', 32),
      bound: 4,
      direction: 'at least',
    },
    {
      text: 'links: p50 against by-hand, 1 in flight',
      value: ratio('links', 'by-hand', 'p50', 1),
      bound: 0.25,
      direction: 'at most',
    },
    {
      text: 'plain: root CPU against by-hand, 32 in flight',
      value: ratio('plain', 'by-hand', 'root CPU', 32),
      bound: 1.1,
      direction: 'at most',
    },
  ];
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
