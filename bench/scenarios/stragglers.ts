/** What the slowest of 16 shards does to the answer, and how near to what is possible each root comes. */
import { blockedLoop } from '../../test/kit/faults/blocked-loop.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { batched, byHand, describeArms, hedgedByHand, links, regather } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { bestHedge, withoutHedge } from '../ideal/curves.ts';
import { type Distribution, quantile } from '../ideal/distribution.ts';
import type { LoadRun } from '../load/run.ts';
import { leafDistribution } from '../measure/leaf-distribution.ts';
import { type OpenWindow, openWindow } from '../measure/open-window.ts';
import { Samples } from '../measure/samples.ts';
import { inTurns } from '../measure/turns.ts';
import { voidNotes } from '../measure/void-notes.ts';
import { type Arm, checkAnswers, startArms, stopArms } from '../process/arms.ts';
import { addHistograms, distributionOfHistogram } from '../report/histogram.ts';
import { readMachine } from '../report/machine.ts';
import type { Chart } from '../report/picture/chart.ts';
import { type DistributionSeries, tailPicture } from '../report/picture/curves.ts';
import { medianOf, type Report, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, type Scenario } from '../scenario.ts';

const shardCount = 16;
const slots = 16;
const perSecond = 60;
const deadlineMs = 5_000;
const budget = 0.05;
const quantiles = { p50: 0.5, p90: 0.9, p99: 0.99 } as const;

const arms = {
  'by-hand': byHand,
  'by-hand-hedged': hedgedByHand(12),
  batched,
  'links-no-hedge': regather('Regather over links, no hedges', { policy: { hedge: { enabled: false } } }),
  links,
};
const baseline = 'by-hand';

/** 5 ms as a rule, and one task in a hundred a tenth of a second and more. */
const withSlowShare: ServiceTime = { seed: 11, medianMs: 5, sigma: 0.4, slowShare: 0.01, slowMs: [100, 500] };
const stall = blockedLoop({ forMs: 100, everyMs: 5_000, seed: 11 });

const conditions = [
  { name: '1 % slow tasks', serviceTime: withSlowShare, stalls: false },
  { name: 'stalls', serviceTime: { ...withSlowShare, slowShare: 0 }, stalls: true },
] as const;

export const scenario: Scenario = {
  name: 'stragglers',
  claim:
    'Slow tasks and stalled workers set the latency of a fan-out, and hedging single tasks takes most of it back.',
  arms: describeArms(arms),
  metrics: {
    p50: 'median latency from the intended send time (ms)',
    p90: '90th percentile (ms)',
    p99: '99th percentile (ms)',
    'η p50': 'ideal over measured at p50: without hedges F^16, with them the best delay at a budget of 5 %',
    'η p90': 'the same at p90',
    'η p99': 'the same at p99',
    'extra tasks': 'tasks that workers began above one per shard and request (%)',
    failed: 'requests without an answer (%)',
    'machine CPU': 'of all cores (%)',
  },
  faults: [
    '1 % slow tasks: service time lognormal, median 5 ms, σ 0.4; one task in a hundred takes 100 to 500 ms longer',
    "stalls: the same service time without slow tasks; every worker's event loop is blocked for 100 ms (Atomics.wait) at a mean of each 5 s",
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const names = Object.keys(chosen);
  const rounds = options.rounds ?? (options.smoke ? 1 : 3);
  const seconds = options.seconds ?? (options.smoke ? 1 : 10);
  const warmUpSeconds = options.smoke ? 0.3 : 2;
  const samples = new Samples();
  const charts: Chart[] = [];
  const all: LoadRun[] = [];
  for (const { name: condition, serviceTime, stalls } of conditions) {
    if (options.conditions?.includes(condition) === false) continue;
    let running: Arm[] = [];
    try {
      running = await startArms(chosen, { placement: place(shardCount, 8, 3), serviceTime, slots });
      await checkAnswers(running);
      options.progress(`${condition}: leaf calls`);
      const { workers } = running.find((arm) => arm.name.startsWith('links')) ?? running[0]!;
      const leaf = await whileStalling(workers, stalls, () =>
        leafDistribution(workers, {
          perSecond: options.smoke ? 20 : 120,
          seconds: options.smoke ? 1 : 30,
          warmUpSeconds: options.smoke ? 0.2 : 1,
        }),
      );
      const runs = new Map<string, LoadRun[]>(names.map((name) => [name, []]));
      await inTurns(running, rounds, async (arm, round) => {
        options.progress(`${condition}, round ${round + 1} of ${rounds}, ${arm.name}`);
        const window = await whileStalling(arm.workers, stalls, () =>
          openWindow(arm, shardCount, { rate: perSecond, seconds, warmUpSeconds, deadlineMs, round }),
        );
        runs.get(arm.name)!.push(window.run);
        all.push(window.run);
        record(samples, condition, window);
      });
      const ideals = idealsOf(leaf);
      for (const [name, ofArm] of runs) efficiencies(samples, condition, name, ofArm, ideals);
      charts.push(tailOf(condition, stalls ? 'stalls' : 'slow-tasks', runs, ideals));
    } finally {
      await stopArms(running);
    }
  }
  const measured = withRatios(samples.all, baseline);
  const slow = conditions[0].name;
  return {
    scenario: scenario.name,
    claim: scenario.claim,
    baseline,
    machine,
    at: new Date().toISOString(),
    smoke: options.smoke,
    options: {
      rounds,
      seconds,
      'warm-up seconds': warmUpSeconds,
      'requests per second': perSecond,
      arrivals: 'poisson',
      shards: shardCount,
      replicas: 3,
      workers: 8,
      arms: names,
    },
    measured,
    headline: [
      { condition: slow, metric: 'p50' },
      { condition: slow, metric: 'p99' },
      { condition: slow, metric: 'η p99' },
      { condition: conditions[1].name, metric: 'p99' },
    ],
    targets: [
      {
        text: 'links: p99 against links-no-hedge, 1 % slow tasks',
        value: medianOf(measured, 'links', 'p99', slow) / medianOf(measured, 'links-no-hedge', 'p99', slow),
        bound: 0.2,
        direction: 'at most',
      },
      {
        text: 'links: p99 against grpc-js hedging, 1 % slow tasks',
        value: medianOf(measured, 'links', 'p99', slow) / medianOf(measured, 'by-hand-hedged', 'p99', slow),
        bound: 1,
        direction: 'at most',
      },
    ],
    charts,
    notes: voidNotes(all),
  };
}

/** Of the workers of the arm that is measured, only while it is. */
async function whileStalling<T>(
  workers: Arm['workers'],
  stalls: boolean,
  measure: () => Promise<T>,
): Promise<T> {
  if (!stalls) return await measure();
  const injected = await Promise.all(workers.map((worker) => stall.inject(worker)));
  try {
    return await measure();
  } finally {
    await Promise.all(injected.map((one) => one.heal()));
  }
}

function record(
  samples: Samples,
  condition: string,
  { run, summary, machineCpu, extraTasks }: OpenWindow,
): void {
  const add = (metric: string, unit: string, value: number): void =>
    samples.add(run.name, condition, metric, unit, value);
  for (const name of ['p50', 'p90', 'p99'] as const)
    if (summary.latencyMs !== undefined) add(name, 'ms', summary.latencyMs[name]);
  add('extra tasks', '%', Math.max(0, extraTasks) * 100);
  add('failed', '%', summary.errorShare * 100);
  add('machine CPU', '%', machineCpu * 100);
}

interface Ideals {
  readonly withoutHedge: Distribution;
  /** Best for that quantile. */
  readonly hedged: Readonly<Record<keyof typeof quantiles, Distribution>>;
}

function idealsOf(leaf: Distribution): Ideals {
  const hedged = (q: number): Distribution => bestHedge(leaf, shardCount, budget, q).distribution;
  return {
    withoutHedge: withoutHedge(leaf, shardCount),
    hedged: { p50: hedged(0.5), p90: hedged(0.9), p99: hedged(0.99) },
  };
}

function isHedged(arm: string): boolean {
  return arm === 'links' || arm === 'by-hand-hedged';
}

function latenciesOf(runs: readonly LoadRun[]): { distribution: Distribution; count: number } | undefined {
  const histogram = addHistograms(runs.flatMap((run) => run.blocks.map((block) => block.latency)));
  const distribution = distributionOfHistogram(histogram);
  return distribution === undefined ? undefined : { distribution, count: histogram!.totalCount };
}

function efficiencies(
  samples: Samples,
  condition: string,
  arm: string,
  runs: readonly LoadRun[],
  ideals: Ideals,
): void {
  const measured = latenciesOf(runs);
  if (measured === undefined) return;
  for (const [name, q] of Object.entries(quantiles) as [keyof typeof quantiles, number][]) {
    const ideal = isHedged(arm) ? ideals.hedged[name] : ideals.withoutHedge;
    samples.add(arm, condition, `η ${name}`, '', quantile(ideal, q) / quantile(measured.distribution, q));
  }
}

function tailOf(
  condition: string,
  name: string,
  runs: ReadonlyMap<string, readonly LoadRun[]>,
  ideals: Ideals,
): Chart {
  const measured = [...runs].flatMap(([arm, ofArm]): DistributionSeries[] => {
    const latencies = latenciesOf(ofArm);
    return latencies === undefined ? [] : [{ name: arm, ...latencies }];
  });
  const like = (arm: string): { like?: string } => (runs.has(arm) ? { like: arm } : {});
  return tailPicture(
    [
      ...measured,
      {
        name: 'ideal without hedges',
        distribution: ideals.withoutHedge,
        dashed: true,
        ...like('links-no-hedge'),
      },
      {
        name: 'ideal, hedged at a budget of 5 %',
        distribution: ideals.hedged.p99,
        dashed: true,
        ...like('links'),
      },
    ],
    {
      name,
      title: `16 shards, ${condition}: share of answers that took longer`,
      caption: `The share of answers that took longer than so many milliseconds, with ${condition}, and what the measured leaf calls allow at best (dashed).`,
    },
  );
}
