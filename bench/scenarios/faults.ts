/** What callers see of a worker that is killed, and of a shard that hangs. */
import { hang } from '../../test/kit/faults/hang.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { sigkill } from '../../test/kit/faults/sigkill.ts';
import { type ArmSpec, batched, describeArms, regather } from '../arms.ts';
import { echoSomePath } from '../echo/codec.ts';
import { place } from '../echo/placement.ts';
import type { LoadRun } from '../load/run.ts';
import { quietMachine } from '../measure/busiest.ts';
import { constant, experiment, type Measurement } from '../measure/experiment.ts';
import { latencyMetrics, recordWindows, runsOf } from '../measure/latencies.ts';
import { rootCounts } from '../measure/root-metrics.ts';
import { Samples } from '../measure/samples.ts';
import { timelinesOf } from '../measure/timelines.ts';
import { voidNotes } from '../measure/void-notes.ts';
import type { Arm } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import type { Chart } from '../report/picture/chart.ts';
import { medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { summarize } from '../report/summary.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms: Record<string, ArmSpec> = {
  batched,
  links: regather('Regather over links, as it comes', { admin: true }),
  'links-patient': regather('Regather over links, partial answers wait for the deadline', {
    admin: true,
    policy: { coverage: { wait: 1 } },
  }),
};
const baseline = 'links';

const perSecond = 120;
const hungDeadlineMs = 300;
const serviceTime: ServiceTime = { seed: 41, medianMs: 5, sigma: 0.4, slowShare: 0, slowMs: [0, 0] };
const shared = { placement: place(16, 8, 2), serviceTime, slots: 10 };

const killed = 'SIGKILL of one of 8 workers';
const hung = 'a shard hangs';
const enough = 'a shard hangs, nine tenths will do';

/** Of a window: killed after a third, back after two thirds. */
const killAt = 1 / 3;
const backAt = 2 / 3;

export const scenario: Scenario = {
  name: 'faults',
  claim:
    'A killed worker costs no answer, a hanging shard no caller more than the deadline, and a partial answer comes when enough is in.',
  arms: describeArms(arms),
  conditions: [killed, hung, enough],
  metrics: {
    ...latencyMetrics,
    'p99 before': 'of the seconds before the kill (ms)',
    'p99 after': 'of the seconds from one second after the kill until the worker is back (ms)',
    'failed answers': 'requests of the window that were not answered',
    'late statuses': "statuses handed over more than 10 ms after the deadline, by the root's own clock (%)",
  },
  faults: [
    `${killed}, a third into the window; a new process takes its place after another third; each shard has two replicas`,
    `${hung}: the handlers of shard 0 hang on both its workers; deadline ${hungDeadlineMs} ms`,
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const seconds = Math.max(3, options.seconds ?? (options.smoke ? 3 : 15));
  const hungSeconds = Math.min(seconds, 8);
  const warmUpSeconds = options.smoke ? 0.3 : 1.5;
  const samples = new Samples();
  const targets: Target[] = [];
  const charts: Chart[] = [];
  const all: LoadRun[] = [];
  const some = (...names: string[]): Record<string, ArmSpec> =>
    Object.fromEntries(Object.entries(chosen).filter(([name]) => names.includes(name)));
  const asked = (condition: string): boolean => options.conditions?.includes(condition) !== false;

  if (asked(killed)) {
    const windows = await experiment(
      {
        name: killed,
        ...shared,
        rate: constant(perSecond, seconds),
        deadlineMs: 2_000,
        during: (arm, startMs) => killAndRestart(arm, startMs, seconds * 1000),
      },
      { ...options, arms: some('batched', 'links'), rounds, warmUpSeconds },
    );
    recordWindows(samples, killed, windows);
    recordKill(samples, windows, seconds * 1000);
    targets.push(...killTargets(samples), quietMachine(killed, windows));
    charts.push(
      ...timelinesOf(windows, Object.keys(chosen), [
        { label: 'worker gone', from: seconds * killAt, to: seconds * backAt },
      ]),
    );
    all.push(...runsOf(windows));
  }
  for (const [name, path, names] of [
    [hung, undefined, ['links']],
    [enough, echoSomePath, ['links', 'links-patient']],
  ] as const) {
    if (!asked(name)) continue;
    const windows = await experiment(
      {
        name,
        ...shared,
        rate: constant(perSecond, hungSeconds),
        deadlineMs: hungDeadlineMs,
        ...(path === undefined ? {} : { path }),
        broken: (workers) =>
          Promise.all(
            workers.filter((worker) => worker.shards.includes(0)).map((worker) => hang([0]).inject(worker)),
          ),
      },
      {
        ...options,
        arms: some(...names),
        rounds,
        warmUpSeconds,
        watch: (arm) => watchStatuses(samples, name, arm),
      },
    );
    recordWindows(samples, name, windows);
    all.push(...(path === undefined ? [] : runsOf(windows)));
  }
  const measured = withRatios(samples.all, baseline);
  targets.push(...hangTargets(samples));
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      seconds,
      'seconds with a hanging shard': hungSeconds,
      'warm-up seconds': warmUpSeconds,
      'requests per second': perSecond,
      shards: 16,
      replicas: 2,
      workers: 8,
      arms: Object.keys(chosen),
    },
    measured,
    headline: [
      { condition: killed, metric: 'failed answers' },
      { condition: killed, metric: 'p99 before' },
      { condition: killed, metric: 'p99 after' },
      { condition: enough, metric: 'p99' },
    ],
    targets: targets.filter((target) => !Number.isNaN(target.value)),
    charts,
    notes: voidNotes(all),
  };
}

async function killAndRestart(arm: Arm, startMs: number, windowMs: number): Promise<void> {
  const until = (ms: number): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, Math.max(0, startMs + ms - performance.now())));
  await until(windowMs * killAt);
  const { heal } = await sigkill().inject(arm.workers[3]!);
  await until(windowMs * backAt);
  await heal();
}

function recordKill(samples: Samples, windows: readonly Measurement[], windowMs: number): void {
  for (const { arm, window } of windows) {
    const { run, summary } = window;
    const p99 = (fromMs: number, toMs: number): number =>
      summarize(
        run.blocks.filter((block) => block.startMs >= fromMs && block.startMs + block.durationMs <= toMs),
      ).latencyMs?.p99 ?? Number.NaN;
    const add = (metric: string, unit: string, value: number): void => {
      if (!Number.isNaN(value)) samples.add(arm, killed, metric, unit, value);
    };
    add('p99 before', 'ms', p99(0, windowMs * killAt));
    // A second, unless the window is as short as a smoke run's.
    const settledMs = Math.min(1000, windowMs / 10);
    add('p99 after', 'ms', p99(windowMs * killAt + settledMs, windowMs * backAt));
    add('failed answers', '', summary.scheduled - summary.ok);
  }
}

function killTargets(samples: Samples): Target[] {
  const at = (metric: string): number => medianOf(samples.all, 'links', metric, killed);
  const failed = samples.all.find(({ arm, metric }) => arm === 'links' && metric === 'failed answers');
  return [
    {
      text: `links: failed answers of all windows, ${killed}`,
      value: failed === undefined ? Number.NaN : failed.samples.reduce((sum, one) => sum + one, 0),
      bound: 0,
      direction: 'at most',
    },
    {
      text: 'links: p99 from one second after the kill over p99 before it',
      value: at('p99 after') / at('p99 before'),
      bound: 1.25,
      direction: 'at most',
    },
  ];
}

async function watchStatuses(samples: Samples, condition: string, arm: Arm): Promise<() => Promise<void>> {
  const before = await rootCounts(arm.admin!);
  return async () => {
    const after = await rootCounts(arm.admin!);
    samples.add(
      arm.name,
      condition,
      'late statuses',
      '%',
      (100 * (after.late - before.late)) / (after.due - before.due),
    );
  };
}

function hangTargets(samples: Samples): Target[] {
  const at = (arm: string, metric: string, condition: string): number =>
    medianOf(samples.all, arm, metric, condition);
  return [
    ...[hung, enough].map(
      (condition): Target => ({
        text: `links: statuses more than 10 ms after the deadline, in %, ${condition}`,
        value: at('links', 'late statuses', condition),
        bound: 0.1,
        direction: 'at most',
      }),
    ),
    {
      text: `links: p99 over the deadline of ${hungDeadlineMs} ms, ${enough}`,
      value: at('links', 'p99', enough) / hungDeadlineMs,
      bound: 0.75,
      direction: 'at most',
    },
  ];
}
