/** What is left of the good answers when more is asked for than workers can do, and how soon all is well again. */

import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { slow } from '../../test/kit/faults/slow.ts';
import { type ArmSpec, describeArms, links, regather } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { constantRate, type Stretch } from '../load/schedule/stretches.ts';
import { capacityPerSecond, experiment, type Measurement } from '../measure/experiment.ts';
import { runsOf } from '../measure/latencies.ts';
import { Samples } from '../measure/samples.ts';
import { timelinesOf } from '../measure/timelines.ts';
import { usageMeter } from '../measure/usage.ts';
import { voidNotes } from '../measure/void-notes.ts';
import type { Arm } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import type { Chart } from '../report/picture/chart.ts';
import { goodputPicture, type Step } from '../report/picture/load.ts';
import { medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { summarize } from '../report/summary.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms: Record<string, ArmSpec> = {
  'no-admission': regather('Regather over links, all requests admitted', {
    policy: { admission: { enabled: false } },
  }),
  links,
};
const baseline = 'no-admission';

/** Few slots and long tasks, so that the workers are the bottleneck long before the root is. */
const workload = {
  placement: place(16, 8, 2),
  serviceTime: { seed: 51, medianMs: 10, sigma: 0.4, slowShare: 0, slowMs: [0, 0] } satisfies ServiceTime,
  slots: 3,
};
const capacity = capacityPerSecond(workload);
const deadlineMs = 500;

/** Of the capacity. The last is what it recovers to. */
const loads = [0.5, 0.8, 1, 1.2, 1.5, 2, 0.5] as const;
const usual = 0.5;

const steps = 'offered load up to 200 %';
const shift = 'all latencies × 4';

const nameOf = (load: number): string => `goodput at ${load * 100} %`;

export const scenario: Scenario = {
  name: 'overload',
  claim:
    'At twice the load that workers can do most of what they can do is still answered, and a few seconds after it all is.',
  arms: describeArms(arms),
  conditions: [steps, shift],
  metrics: {
    ...Object.fromEntries(
      loads
        .slice(0, -1)
        .map((load) => [nameOf(load), `answers with status OK within ${deadlineMs} ms, per second`]),
    ),
    kept: 'goodput at 200 % over the greatest of all steps',
    recovery:
      'seconds from the end of it until a second in which 95 % of what was asked for was answered, and every later one too',
    'root CPU': 'of one core, over the window (%)',
    'root CPU at 200 %': 'of one core, over that step (%)',
  },
  faults: [
    `${steps}: ${loads.map((load) => `${load * 100} %`).join(', ')} of what the slots can do`,
    `${shift}: at ${usual * 100} % load every task takes four times as long for a third of the window`,
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const names = Object.keys(chosen);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const stepSeconds = options.seconds ?? (options.smoke ? 0.5 : 4);
  const warmUpSeconds = options.smoke ? 0.3 : 2;
  const shiftSeconds = stepSeconds * 5;
  const samples = new Samples();
  const charts: Chart[] = [];
  const all: Measurement[] = [];
  const shared = { ...workload, deadlineMs };
  const asked = (condition: string): boolean => options.conditions?.includes(condition) !== false;

  if (asked(steps)) {
    const windows = await experiment(
      {
        name: steps,
        ...shared,
        rate: stretchesOf(stepSeconds),
        during: async (arm, startMs) => {
          const cpu = await rootCpuAtMost(arm, startMs, stepSeconds * 1000);
          samples.add(arm.name, steps, 'root CPU at 200 %', '%', cpu * 100);
        },
      },
      { ...options, arms: chosen, rounds, warmUpSeconds },
    );
    recordSteps(samples, windows);
    charts.push(goodputPicture(names.map((name) => ({ name, steps: stepsOf(windows, name) }))));
    const overFrom = stepSeconds * loads.findIndex((load) => load > 1);
    charts.push(
      ...timelinesOf(
        windows,
        names,
        [{ label: 'overload', from: overFrom, to: stepSeconds * (loads.length - 1) }],
        'steps',
      ),
    );
    all.push(...windows);
  }
  if (asked(shift)) {
    const [from, to] = [shiftSeconds / 5, (shiftSeconds * 2.5) / 5];
    const windows = await experiment(
      {
        name: shift,
        ...shared,
        rate: [constantRate(Math.round(usual * capacity), shiftSeconds * 1000)],
        during: (arm, startMs) => slowDown(arm, startMs, from * 1000, to * 1000),
      },
      { ...options, arms: chosen, rounds, warmUpSeconds },
    );
    for (const { arm, window } of windows) {
      samples.add(arm, shift, 'recovery', 's', recoverySeconds(window.run.blocks, to * 1000));
      samples.add(arm, shift, 'root CPU', '%', window.rootCpu * 100);
    }
    charts.push(...timelinesOf(windows, names, [{ label: shift, from, to }], 'shift'));
    all.push(...windows);
  }
  const measured = withRatios(samples.all, baseline);
  const at = (metric: string, condition: string): number => medianOf(measured, 'links', metric, condition);
  const slowest = (condition: string): number => {
    const { samples: rounds = [Number.NaN] } =
      measured.find(
        (one) => one.arm === 'links' && one.condition === condition && one.metric === 'recovery',
      ) ?? {};
    return Math.max(...rounds);
  };
  const targets: Target[] = [
    {
      text: 'links: goodput at 200 % of the greatest',
      value: at('kept', steps),
      bound: 0.9,
      direction: 'at least',
    },
    {
      text: `links: recovery in s in the slowest round, ${steps}`,
      value: slowest(steps),
      bound: 5,
      direction: 'at most',
    },
    {
      text: `links: recovery in s in the slowest round, ${shift}`,
      value: slowest(shift),
      bound: 5,
      direction: 'at most',
    },
    {
      text: 'links: root CPU at 200 %, in %',
      value: at('root CPU at 200 %', steps),
      bound: 50,
      direction: 'at most',
    },
  ];
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      'seconds of a step': stepSeconds,
      'warm-up seconds': warmUpSeconds,
      'capacity per second': Math.round(capacity),
      'deadline ms': deadlineMs,
      shards: 16,
      replicas: 2,
      workers: '8 of 3 slots',
      arms: names,
    },
    measured,
    headline: [
      { condition: steps, metric: nameOf(1) },
      { condition: steps, metric: nameOf(2) },
      { condition: steps, metric: 'recovery' },
      { condition: shift, metric: 'recovery' },
    ],
    targets: targets.filter((target) => !Number.isNaN(target.value)),
    charts,
    notes: voidNotes(runsOf(all)),
  };
}

function stretchesOf(stepSeconds: number): Stretch[] {
  return loads.map((load, i) => {
    // Long enough to see when it is well again.
    const seconds = i === loads.length - 1 ? stepSeconds * 2 : stepSeconds;
    return constantRate(Math.round(load * capacity), seconds * 1000);
  });
}

/** The first half of a step is the way there. */
function settledBlocks(window: Measurement['window'], phase: number): Measurement['window']['run']['blocks'] {
  const blocks = window.run.blocks.filter((block) => block.phase === phase);
  return blocks.slice(Math.floor(blocks.length / 2));
}

function recordSteps(samples: Samples, windows: readonly Measurement[]): void {
  const last = loads.length - 1;
  for (const { arm, window } of windows) {
    const goodput = loads.map((_, phase) => summarize(settledBlocks(window, phase)).okPerSecond);
    const rising = goodput.slice(0, last);
    for (const [i, value] of rising.entries()) samples.add(arm, steps, nameOf(loads[i]!), '/s', value);
    samples.add(arm, steps, 'kept', '', rising[last - 1]! / Math.max(...rising));
    const { startMs } = window.run.phases[last]!;
    samples.add(arm, steps, 'recovery', 's', recoverySeconds(window.run.blocks, startMs));
    samples.add(arm, steps, 'root CPU', '%', window.rootCpu * 100);
  }
}

function stepsOf(windows: readonly Measurement[], arm: string): Step[] {
  return loads.slice(0, -1).map((_, phase): Step => {
    const blocks = windows
      .filter((one) => one.arm === arm)
      .flatMap(({ window }) => settledBlocks(window, phase));
    const { offeredPerSecond, okPerSecond, latencyMs } = summarize(blocks);
    return {
      offeredPerSecond,
      goodputPerSecond: okPerSecond,
      latencyMs: latencyMs === undefined ? {} : { p50: latencyMs.p50, p99: latencyMs.p99 },
    };
  });
}

/** Up to the end of the last bad block after `endedMs`. */
function recoverySeconds(blocks: Measurement['window']['run']['blocks'], endedMs: number): number {
  const after = blocks.filter((block) => block.startMs >= endedMs);
  const lastBad = after.findLast((block) => block.ok < 0.95 * block.scheduled);
  return lastBad === undefined ? 0 : (lastBad.startMs + lastBad.durationMs - endedMs) / 1000;
}

/** Of one core, 0 to 1: of the root in the step with the greatest load. */
async function rootCpuAtMost(arm: Arm, startMs: number, stepMs: number): Promise<number> {
  const from = startMs + loads.indexOf(2) * stepMs;
  await sleepUntil(from);
  const used = await usageMeter([arm.root]);
  await sleepUntil(from + stepMs);
  const [usPerMs = 0] = await used();
  return usPerMs / 1000;
}

function sleepUntil(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())));
}

async function slowDown(arm: Arm, startMs: number, fromMs: number, toMs: number): Promise<void> {
  await sleepUntil(startMs + fromMs);
  const injected = await Promise.all(arm.workers.map((worker) => slow(4).inject(worker)));
  await sleepUntil(startMs + toMs);
  await Promise.all(injected.map((one) => one.heal()));
}
