/** What the slowest of 16 shards does to the answer, and how near to what is possible each root comes. */
import { blockedLoop } from '../../test/kit/faults/blocked-loop.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { batched, byHand, describeArms, hedgedByHand, links, regather } from '../arms.ts';
import { place } from '../echo/placement.ts';
import type { LoadRun } from '../load/run.ts';
import { experimentAgainstIdeals } from '../measure/against-ideals.ts';
import { type Condition, constant } from '../measure/experiment.ts';
import { idealMetrics } from '../measure/ideals.ts';
import { latencyMetrics, runsOf } from '../measure/latencies.ts';
import { Samples } from '../measure/samples.ts';
import { voidNotes } from '../measure/void-notes.ts';
import { readMachine } from '../report/machine.ts';
import {
  medianOf,
  type Report,
  type ReportCurve,
  type ReportDistribution,
  withRatios,
} from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

/** So few that the machine isn't busy with the arms that cost most. */
const perSecond = 60;

const arms = {
  'by-hand': byHand,
  // The 95th percentile of its leaf calls.
  'by-hand-hedged': hedgedByHand(12),
  batched,
  'links-no-hedge': regather('Regather over links, no hedges', { policy: { hedge: { enabled: false } } }),
  links,
};
const baseline = 'by-hand';
const hedging = ['by-hand-hedged', 'links'];

/** 5 ms as a rule, and one task in a hundred a tenth of a second and more. */
const serviceTime: ServiceTime = { seed: 11, medianMs: 5, sigma: 0.4, slowShare: 0.01, slowMs: [100, 500] };
const stall = blockedLoop({ forMs: 100, everyMs: 5_000, seed: 11 });
const shared = { placement: place(16, 8, 3), slots: 16, deadlineMs: 5_000 };

const conditions: Omit<Condition, 'rate'>[] = [
  { name: '1 % slow tasks', serviceTime, ...shared },
  {
    name: 'stalls',
    serviceTime: { ...serviceTime, slowShare: 0 },
    ...shared,
    broken: (workers) => Promise.all(workers.map((worker) => stall.inject(worker))),
  },
];

export const scenario: Scenario = {
  name: 'stragglers',
  claim:
    'Slow tasks and stalled workers set the latency of a fan-out, and hedging single tasks takes most of it back.',
  arms: describeArms(arms),
  conditions: conditions.map(({ name }) => name),
  metrics: { ...latencyMetrics, ...idealMetrics },
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
  const distributions: ReportDistribution[] = [];
  const curves: ReportCurve[] = [];
  const all: LoadRun[] = [];
  for (const one of options.smoke ? conditions.slice(0, 1) : conditions) {
    if (options.conditions?.includes(one.name) === false) continue;
    const condition = { ...one, rate: constant(perSecond, seconds) };
    const found = await experimentAgainstIdeals(
      condition,
      { ...options, arms: chosen, rounds, warmUpSeconds },
      samples,
      { hedging, drawn: { unhedged: 'links-no-hedge', hedged: 'links' } },
    );
    distributions.push(...found.distributions);
    curves.push(...found.curves);
    all.push(...runsOf(found.windows));
  }
  const measured = withRatios(samples.all, baseline);
  const [slow, stalls] = conditions.map(({ name }) => name) as [string, string];
  const p99 = (arm: string): number => medianOf(measured, arm, 'p99', slow);
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      seconds,
      'warm-up seconds': warmUpSeconds,
      'requests per second': perSecond,
      arrivals: 'poisson',
      shards: 16,
      replicas: 3,
      workers: 8,
      arms: names,
    },
    measured,
    headline: [
      { condition: slow, metric: 'p50' },
      { condition: slow, metric: 'p99' },
      { condition: slow, metric: 'η p99' },
      { condition: stalls, metric: 'p99' },
    ],
    targets: [
      {
        text: 'links: p99 against links-no-hedge, 1 % slow tasks',
        value: p99('links') / p99('links-no-hedge'),
        bound: 0.2,
        direction: 'at most',
      },
      {
        text: "links: p99 against grpc-js's hedging, 1 % slow tasks",
        value: p99('links') / p99('by-hand-hedged'),
        bound: 1,
        direction: 'at most',
      },
    ],
    distributions,
    curves,
    notes: voidNotes(all),
  };
}
