/** What callers see of a worker that is killed, of one that fails all its tasks, and of a shard that hangs. */
import { status } from '@grpc/grpc-js';
import { errorStorm } from '../../test/kit/faults/error-storm.ts';
import { hang } from '../../test/kit/faults/hang.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { sigkill } from '../../test/kit/faults/sigkill.ts';
import { type ArmSpec, batched, describeArms, regather } from '../arms.ts';
import { echoSomePath } from '../echo/codec.ts';
import { place } from '../echo/placement.ts';
import type { LoadRun } from '../load/run.ts';
import type { Stretch } from '../load/schedule/stretches.ts';
import { quietMachine } from '../measure/busiest.ts';
import { constant, experiment, type Measurement } from '../measure/experiment.ts';
import { latencyMetrics, pooledQuantile, recordWindows, runsOf } from '../measure/latencies.ts';
import { rootCounts } from '../measure/root-metrics.ts';
import { Samples } from '../measure/samples.ts';
import { timelinesOf } from '../measure/timelines.ts';
import { voidNotes } from '../measure/void-notes.ts';
import type { Arm } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import type { Chart } from '../report/picture/chart.ts';
import { type Report, type Target, withRatios } from '../report/report.ts';
import { summarize } from '../report/summary.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms: Record<string, ArmSpec> = {
  batched,
  links: regather('Regather over links, as it comes', { admin: true }),
  'links-no-retry': regather('Regather over links, no retries', {
    admin: true,
    policy: { retry: { enabled: false } },
  }),
  'links-no-breaker': regather('Regather over links, no breakers', {
    admin: true,
    policy: { breaker: { enabled: false } },
  }),
  'links-patient': regather('Regather over links, partial answers wait for about twice as long', {
    admin: true,
    policy: { coverage: { wait: 1 } },
  }),
};
const baseline = 'links';

const perSecond = 90;
/** So that 20,000 answers of the windows together are from before the kill, and as many from after it; and of a hung shard. */
const killSeconds = 99;
const hungWindowSeconds = 32;
/** What fails in hundreds shows it sooner. */
const shortSeconds = 10;
const hungDeadlineMs = 300;
const serviceTime: ServiceTime = { seed: 41, medianMs: 5, sigma: 0.4, slowShare: 0, slowMs: [0, 0] };
const shared = { placement: place(16, 8, 2), serviceTime, slots: 10 };

const killed = 'SIGKILL of one of 8 workers';
const failing = 'a worker fails all its tasks';
const hung = 'a shard hangs';
const enough = 'a shard hangs, nine tenths will do';

/** Of a window: killed after a third, back after two thirds. */
const killAt = 1 / 3;
const backAt = 2 / 3;

export const scenario: Scenario = {
  name: 'faults',
  claim:
    'A worker that is killed or fails costs no answer, a hanging shard no caller more than the deadline, and a partial answer comes when enough is in.',
  arms: describeArms(arms),
  conditions: [killed, failing, hung, enough],
  metrics: {
    ...latencyMetrics,
    'p99 before': 'of the seconds before the kill (ms)',
    'p99 after': 'of the seconds from one second after the kill until the worker is back (ms)',
    'failed answers': 'requests of the window that were not answered',
    'late statuses': "statuses handed over more than 10 ms after the deadline, by the root's own clock (%)",
  },
  faults: [
    `${killed}, a third into the window; a new process takes its place after another third; each shard has two replicas`,
    `${failing}: its handlers answer UNAVAILABLE at once, from before the window to its end`,
    `${hung}: the handlers of shard 0 hang on both its workers; deadline ${hungDeadlineMs} ms`,
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const secondsOf = (usual: number): number => Math.max(3, options.seconds ?? (options.smoke ? 3 : usual));
  const hungSeconds = secondsOf(hungWindowSeconds);
  const warmUpSeconds = options.smoke ? 0.3 : 1.5;
  const samples = new Samples();
  const targets: Target[] = [];
  const charts: Chart[] = [];
  const all: LoadRun[] = [];
  const some = (...names: string[]): Record<string, ArmSpec> =>
    Object.fromEntries(Object.entries(chosen).filter(([name]) => names.includes(name)));
  const asked = (condition: string): boolean => options.conditions?.includes(condition) !== false;

  if (asked(killed)) {
    const own = some('links', 'batched', 'links-no-retry');
    const msOf = (arm: string): number => secondsOf(arm === 'links' ? killSeconds : shortSeconds) * 1000;
    const rateOf = (arm: string): Stretch[] => constant(perSecond, msOf(arm) / 1000);
    const windows = await experiment(
      {
        name: killed,
        ...shared,
        rate: rateOf('links'),
        deadlineMs: 2_000,
        during: (arm, startMs) => killAndRestart(arm, startMs, msOf(arm.name)),
      },
      {
        ...options,
        arms: own,
        rates: Object.fromEntries(Object.keys(own).map((arm) => [arm, rateOf(arm)])),
        rounds,
        warmUpSeconds,
      },
    );
    recordWindows(samples, killed, windows);
    recordKill(samples, windows, msOf);
    const links = windows.filter(({ arm }) => arm === 'links');
    if (links.length > 0) targets.push(...killTargets(links, msOf('links')), quietMachine(killed, links));
    for (const arm of Object.keys(own)) {
      const seconds = msOf(arm) / 1000;
      const gone = { label: 'worker gone', from: seconds * killAt, to: seconds * backAt };
      charts.push(...timelinesOf(windows, [arm], [gone]));
    }
    all.push(...runsOf(windows));
  }
  if (asked(failing)) {
    const windows = await experiment(
      {
        name: failing,
        ...shared,
        rate: constant(perSecond, secondsOf(shortSeconds)),
        deadlineMs: 2_000,
        broken: (workers) => Promise.all([errorStorm({ code: status.UNAVAILABLE }).inject(workers[3]!)]),
      },
      { ...options, arms: some('links', 'links-no-retry', 'links-no-breaker'), rounds, warmUpSeconds },
    );
    recordWindows(samples, failing, windows);
    for (const one of windows) samples.add(one.arm, failing, 'failed answers', '', failedOf(one));
    targets.push(failedTarget(failing, windows));
    all.push(...runsOf(windows));
  }
  for (const [name, path, names] of [
    [hung, undefined, ['links']],
    [enough, echoSomePath, ['links', 'links-patient']],
  ] as const) {
    if (!asked(name)) continue;
    const statuses = new Map<string, Statuses>();
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
        watch: (arm) => watchStatuses(samples, name, arm, statuses),
      },
    );
    recordWindows(samples, name, windows);
    targets.push(...hangTargets(name, statuses, windows));
    all.push(...runsOf(windows));
  }
  const measured = withRatios(samples.all, baseline);
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      'seconds with a kill': `${secondsOf(killSeconds)}, of other arms ${secondsOf(shortSeconds)}`,
      'seconds with a failing worker': secondsOf(shortSeconds),
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
      { condition: failing, metric: 'failed answers' },
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

function phasesOf(windowMs: number): { before: [number, number]; after: [number, number] } {
  // A second, unless the window is as short as a smoke run's.
  const settledMs = Math.min(1000, windowMs / 10);
  return {
    before: [0, windowMs * killAt],
    after: [windowMs * killAt + settledMs, windowMs * backAt],
  };
}

/** Of those windows together. */
function p99Of(windows: readonly Measurement[], [fromMs, toMs]: [number, number]): number {
  const blocks = windows.flatMap(({ window }) =>
    window.run.blocks.filter((block) => block.startMs >= fromMs && block.startMs + block.durationMs <= toMs),
  );
  return summarize(blocks).latencyMs?.p99 ?? Number.NaN;
}

function recordKill(samples: Samples, windows: readonly Measurement[], msOf: (arm: string) => number): void {
  for (const one of windows) {
    const { before, after } = phasesOf(msOf(one.arm));
    const add = (metric: string, unit: string, value: number): void => {
      if (!Number.isNaN(value)) samples.add(one.arm, killed, metric, unit, value);
    };
    add('p99 before', 'ms', p99Of([one], before));
    add('p99 after', 'ms', p99Of([one], after));
    add('failed answers', '', failedOf(one));
  }
}

function failedOf({ window: { summary } }: Measurement): number {
  return summary.scheduled - summary.ok;
}

function killTargets(windows: readonly Measurement[], windowMs: number): Target[] {
  const { before, after } = phasesOf(windowMs);
  return [
    failedTarget(killed, windows),
    {
      text: 'links: p99 of all windows from one second after the kill over p99 before it',
      value: p99Of(windows, after) / p99Of(windows, before),
      bound: 1.25,
      direction: 'at most',
    },
  ];
}

function failedTarget(condition: string, windows: readonly Measurement[]): Target {
  const links = windows.filter(({ arm }) => arm === 'links');
  return {
    text: `links: failed answers of all windows, ${condition}`,
    value: links.length === 0 ? Number.NaN : links.reduce((sum, one) => sum + failedOf(one), 0),
    bound: 0,
    direction: 'at most',
  };
}

interface Statuses {
  late: number;
  /** All that were handed over. */
  due: number;
}

/** Counts them into `all` too, by arm. */
async function watchStatuses(
  samples: Samples,
  condition: string,
  arm: Arm,
  all: Map<string, Statuses>,
): Promise<() => Promise<void>> {
  const before = await rootCounts(arm.admin!);
  return async () => {
    const after = await rootCounts(arm.admin!);
    const [late, due] = [after.late - before.late, after.due - before.due];
    const sum = all.get(arm.name) ?? { late: 0, due: 0 };
    all.set(arm.name, { late: sum.late + late, due: sum.due + due });
    samples.add(arm.name, condition, 'late statuses', '%', (100 * late) / due);
  };
}

function hangTargets(
  condition: string,
  statuses: ReadonlyMap<string, Statuses>,
  windows: readonly Measurement[],
): Target[] {
  const links = statuses.get('links');
  if (links === undefined) return [];
  const { late, due } = links;
  const targets: Target[] = [
    {
      text: `links: statuses more than 10 ms after the deadline, in % of the ${due} of all windows, ${condition}`,
      value: (100 * late) / due,
      bound: 0.1,
      direction: 'at most',
    },
    quietMachine(condition, windows),
  ];
  if (condition !== enough) return targets;
  const over = (q: number, bound: number): Target => ({
    text: `links: p${q * 100} of all windows over the deadline of ${hungDeadlineMs} ms, ${condition}`,
    value: pooledQuantile(windows, 'links', q) / hungDeadlineMs,
    bound,
    direction: 'at most',
  });
  return [...targets, over(0.5, 0.4), over(0.99, 0.45)];
}
