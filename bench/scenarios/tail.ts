/** What hedging single tasks makes of the tail, where one task in a hundred is slow. */
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { describeArms, links, regather } from '../arms.ts';
import { place } from '../echo/placement.ts';
import type { LoadRun } from '../load/run.ts';
import { experimentAgainstIdeals } from '../measure/against-ideals.ts';
import { againstSimulator, simulatedMetrics } from '../measure/against-simulator.ts';
import { quietMachine } from '../measure/busiest.ts';
import { type Condition, capacityPerSecond, constant, placementOf } from '../measure/experiment.ts';
import { idealMetrics } from '../measure/ideals.ts';
import { latencyMetrics, runsOf } from '../measure/latencies.ts';
import { Samples } from '../measure/samples.ts';
import { pooledRatio } from '../measure/targets.ts';
import { voidNotes } from '../measure/void-notes.ts';
import { readMachine } from '../report/machine.ts';
import {
  medianOf,
  type Report,
  type ReportCurve,
  type ReportDistribution,
  type Target,
  withRatios,
} from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms = {
  'links-no-hedge': regather('Regather over links, no hedges', { policy: { hedge: { enabled: false } } }),
  links,
};
const baseline = 'links-no-hedge';
/** A root that has just started is late itself for some seconds, and doesn't hedge. */
const WARM_UP_SECONDS = 4;

const serviceTime: ServiceTime = { seed: 21, medianMs: 5, sigma: 0.4, slowShare: 0.01, slowMs: [100, 500] };

/**
 * Rates that leave the machine idle most of the time, windows long enough for 20,000 answers of each arm in seven rounds, and slots of which
 * about 30 % are used.
 */
const sizes = [
  { shards: 16, perSecond: 120, seconds: 24, slots: 7 },
  { shards: 64, perSecond: 60, seconds: 48, slots: 14 },
] as const;

const nameOf = (shards: number): string => `${shards} shards`;

function conditionOf({ shards, perSecond, slots }: (typeof sizes)[number], seconds: number): Condition {
  return {
    name: nameOf(shards),
    placement: place(shards, 8, 3),
    serviceTime,
    slots,
    rate: constant(perSecond, seconds),
    deadlineMs: 5_000,
  };
}

export const scenario: Scenario = {
  name: 'tail',
  claim: 'Hedging the tasks that are slow, and only those, takes the tail off for one extra task in twenty.',
  arms: describeArms(arms),
  conditions: sizes.map(({ shards }) => nameOf(shards)),
  metrics: { ...latencyMetrics, ...idealMetrics, ...simulatedMetrics },
  faults: [
    'one task in a hundred takes 100 to 500 ms longer than its service time (lognormal, median 5 ms, σ 0.4), drawn by request, shard and replica',
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const warmUpSeconds = options.smoke ? 0.3 : WARM_UP_SECONDS;
  const samples = new Samples();
  const distributions: ReportDistribution[] = [];
  const curves: ReportCurve[] = [];
  const targets: Target[] = [];
  const loads: string[] = [];
  const all: LoadRun[] = [];
  for (const size of options.smoke ? sizes.slice(0, 1) : sizes) {
    const seconds = options.seconds ?? (options.smoke ? 1 : size.seconds);
    const condition = conditionOf(size, seconds);
    if (options.conditions?.includes(condition.name) === false) continue;
    loads.push(
      `${condition.name}: ${size.perSecond}/s, ${Math.round((size.perSecond / capacityPerSecond(condition)) * 100)} % of the slots`,
    );
    const found = await experimentAgainstIdeals(
      condition,
      { ...options, arms: chosen, rounds, warmUpSeconds },
      samples,
      { hedging: ['links'], drawn: { unhedged: baseline, hedged: 'links' }, others: true },
    );
    const { windows } = found;
    const at = (metric: string): number => medianOf(samples.all, 'links', metric, condition.name);
    targets.push(
      {
        text: `links: p99 of all windows against ${baseline}, ${condition.name}`,
        value: pooledRatio(windows, 'links', baseline, 0.99),
        bound: 0.08,
        direction: 'at most',
      },
      {
        text: `links: extra tasks in %, ${condition.name}`,
        value: at('extra tasks'),
        bound: 5.5,
        direction: 'at most',
      },
      {
        text: `links: η at p99, ${condition.name}`,
        value: at('η p99'),
        bound: 0.75,
        direction: 'at least',
      },
      quietMachine(condition.name, windows),
    );
    options.progress(`${condition.name}: the same in the simulator`);
    const simulated = { ...condition, placement: placementOf(condition, options.smoke) };
    targets.push(...(await againstSimulator(simulated, chosen, windows, warmUpSeconds, samples)));
    distributions.push(...found.distributions);
    curves.push(...found.curves);
    all.push(...runsOf(windows));
  }
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      load: loads,
      'warm-up seconds': warmUpSeconds,
      replicas: 3,
      workers: 8,
      arms: Object.keys(chosen),
    },
    measured: withRatios(samples.all, baseline),
    headline: [
      { condition: '16 shards', metric: 'p50' },
      { condition: '16 shards', metric: 'p99' },
      { condition: '16 shards', metric: 'extra tasks' },
      { condition: '16 shards', metric: 'η p99' },
    ],
    targets,
    distributions,
    curves,
    notes: voidNotes(all),
  };
}
