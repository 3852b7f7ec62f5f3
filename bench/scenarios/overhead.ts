/** What a root costs: the same answer from six roots over the same shards, interleaved in one run. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batched, byHand, describeArms, empty, links, linksWithoutCombining, plain } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { closedWindow } from '../measure/closed-window.ts';
import { Samples } from '../measure/samples.ts';
import { inTurns } from '../measure/turns.ts';
import { type Arm, startArms, stopArms } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import { type Measured, medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const levels = [1, 8, 32];
const baseline = 'by-hand';
const conditionOf = (inFlight: number): string => `${inFlight} in flight`;

const arms = {
  'by-hand': byHand,
  batched,
  plain,
  'links-no-combine': linksWithoutCombining,
  links,
  empty,
};

export const scenario: Scenario = {
  name: 'overhead',
  claim: 'A root over links costs a small part of the CPU of a root written by hand, for the same answer.',
  arms: describeArms(arms),
  conditions: levels.map(conditionOf),
  metrics: {
    'root CPU': 'process.cpuUsage() of the root over the window, per answer (µs)',
    answers: 'answers per second that the client got',
    p50: 'median latency at the client (ms)',
    p99: '99th percentile at the client (ms)',
    'all CPU': 'client, root and workers together, per answer (µs)',
    RSS: "the root's resident memory, idle, after forced collections (MiB)",
  },
  guard: [
    ...(['by-hand', 'batched'] as const).map((over) => ({
      metric: 'root CPU',
      condition: '32 in flight',
      arm: 'links',
      over,
      worse: 'higher' as const,
      tolerance: 0.15,
    })),
    {
      metric: 'root CPU',
      condition: '32 in flight',
      arm: 'plain',
      over: 'by-hand',
      worse: 'higher',
      tolerance: 0.15,
    },
    {
      metric: 'all CPU',
      condition: '32 in flight',
      arm: 'links',
      over: 'by-hand',
      worse: 'higher',
      tolerance: 0.15,
    },
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 5);
  const seconds = options.seconds ?? (options.smoke ? 0.2 : 3);
  const warmUpSeconds = options.smoke ? 0.1 : Math.min(1, seconds);
  const samples = new Samples();
  let running: Arm[] = [];
  try {
    options.progress('starting workers and roots');
    running = await startArms(chosen, { placement: place(16, 8) });
    for (const inFlight of options.smoke ? [1, 32] : levels) {
      const condition = conditionOf(inFlight);
      if (options.conditions?.includes(condition) === false) continue;
      await inTurns(running, rounds, async (arm, round) => {
        options.progress(`round ${round + 1} of ${rounds}, ${condition}, ${arm.name}`);
        const window = await closedWindow(arm, inFlight, warmUpSeconds, seconds);
        samples.add(arm.name, condition, 'root CPU', 'µs', window.rootCpuUs);
        samples.add(arm.name, condition, 'answers', '/s', window.answersPerSecond);
        samples.add(arm.name, condition, 'p50', 'ms', window.marked.p50Ms);
        samples.add(arm.name, condition, 'p99', 'ms', window.marked.p99Ms);
        samples.add(arm.name, condition, 'all CPU', 'µs', window.allCpuUs);
      });
    }
    for (const arm of running)
      samples.add(arm.name, 'idle', 'RSS', 'MiB', (await arm.root.ask<number>('rss')) / 2 ** 20);
    if (options.cpuProfDir !== undefined) {
      for (const inFlight of [1, 32]) {
        for (const arm of running)
          await profile(arm, inFlight, options.cpuProfDir, Math.max(seconds, 1), options);
      }
    }
  } finally {
    await stopArms(running);
  }

  const measured = withRatios(samples.all, baseline);
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: { rounds, seconds, 'warm-up seconds': warmUpSeconds, arms: Object.keys(chosen) },
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

async function profile(
  arm: Arm,
  inFlight: number,
  folder: string,
  seconds: number,
  options: RunOptions,
): Promise<void> {
  options.progress(`profile of ${arm.name} at ${inFlight} in flight`);
  await arm.client.ask('start', { arm: arm.name, inFlight });
  await sleep(1000);
  await arm.root.ask('profileStart');
  await sleep(seconds * 1000);
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
