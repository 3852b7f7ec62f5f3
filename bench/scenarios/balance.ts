/** What choosing replicas by latency and load is worth when workers stall, and what hedging costs when they are busy. */
import { blockedLoop } from '../../test/kit/faults/blocked-loop.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { type ArmSpec, describeArms, links, regather } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { againstSimulator, simulatedMetrics } from '../measure/against-simulator.ts';
import { quietMachine } from '../measure/busiest.ts';
import {
  type Condition,
  capacityPerSecond,
  constant,
  experiment,
  type Measurement,
  placementOf,
} from '../measure/experiment.ts';
import { distributionsOf, latencyMetrics, recordWindows, runsOf } from '../measure/latencies.ts';
import { Samples } from '../measure/samples.ts';
import { atMostAtBest, pooledRatio } from '../measure/targets.ts';
import { voidNotes } from '../measure/void-notes.ts';
import { readMachine } from '../report/machine.ts';
import {
  type Measured,
  type Report,
  type ReportDistribution,
  type Target,
  withRatios,
} from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms: Record<string, ArmSpec> = {
  turns: regather('Regather over links, replicas take turns, no hedges', {
    policy: { balance: { by: 'turns' }, hedge: { enabled: false } },
  }),
  'load-no-hedge': regather('Regather over links, replicas by latency and load, no hedges', {
    policy: { hedge: { enabled: false } },
  }),
  links,
};
const baseline = 'turns';

/** So long that the machine is idle most of the time at 80 % load as well, on a slow day too. */
const serviceTime: ServiceTime = { seed: 31, medianMs: 6.5, sigma: 0.4, slowShare: 0, slowMs: [0, 0] };
/** Of a round: the same for all its arms. */
const stall = (round: number) => ({ forMs: 100, everyMs: 5_000, seed: 31 + round });
const placement = place(16, 8, 3);

/** Slots of each worker, and a rate that uses that share of them. */
function loaded(share: number, slots: number): { slots: number; perSecond: number } {
  return { slots, perSecond: Math.round(share * capacityPerSecond({ placement, serviceTime, slots })) };
}

const stalls = {
  name: 'stalls, 40 % load',
  ...loaded(0.4, 3),
  seconds: 34,
  arms: ['turns', 'links'],
  broken: ((workers, round) =>
    Promise.all(
      workers.map((worker) => blockedLoop(stall(round)).inject(worker)),
    )) satisfies Condition['broken'],
  blocked: stall,
};
const busy = {
  seconds: 26,
  name: '80 % load',
  ...loaded(0.8, 2),
  arms: ['load-no-hedge', 'links'],
  broken: undefined,
  blocked: undefined,
};

export const scenario: Scenario = {
  name: 'balance',
  claim:
    'Choosing replicas by load and hedging take off the tail that stalls make, and hedging costs nothing that shows when all are busy.',
  arms: describeArms(arms),
  conditions: [stalls.name, busy.name],
  metrics: { ...latencyMetrics, ...simulatedMetrics },
  faults: [
    "stalls: every worker's event loop, independently of the others', is blocked for 100 ms (Atomics.wait) at a mean of each 5 s",
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const warmUpSeconds = options.smoke ? 0.3 : 1.5;
  const samples = new Samples();
  const distributions: ReportDistribution[] = [];
  const targets: Target[] = [];
  const all: Measurement[] = [];
  for (const { name, slots, perSecond, seconds: long, arms: some, broken, blocked } of options.smoke
    ? [stalls]
    : [stalls, busy]) {
    if (options.conditions?.includes(name) === false) continue;
    const seconds = options.seconds ?? (options.smoke ? 1 : long);
    const here = Object.fromEntries(Object.entries(chosen).filter(([arm]) => some.includes(arm)));
    const condition = {
      name,
      placement,
      serviceTime,
      slots,
      rate: constant(perSecond, seconds),
      deadlineMs: 5_000,
      ...(broken === undefined ? {} : { broken }),
    };
    const windows = await experiment(condition, { ...options, arms: here, rounds, warmUpSeconds });
    recordWindows(samples, name, windows);
    targets.push(...(name === stalls.name ? stallTargets(windows) : busyTargets(windows, samples.all)));
    targets.push(quietMachine(name, windows));
    options.progress(`${name}: the same in the simulator`);
    const simulated = {
      ...condition,
      placement: placementOf(condition, options.smoke),
      ...(blocked === undefined ? {} : { blocked }),
    };
    targets.push(...(await againstSimulator(simulated, here, windows, warmUpSeconds, samples)));
    distributions.push(...distributionsOf(windows, name));
    all.push(...windows);
  }
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      'warm-up seconds': warmUpSeconds,
      load: [stalls, busy].map(
        ({ name, perSecond, slots, seconds }) =>
          `${name}: ${perSecond}/s for ${seconds} s, 8 workers of ${slots} slots`,
      ),
      shards: 16,
      replicas: 3,
      // Each condition has arms of its own, and not every condition need have been asked for.
      arms: Object.keys(chosen).filter((name) => all.some(({ arm }) => arm === name)),
    },
    measured: withRatios(samples.all, baseline),
    headline: [
      { condition: stalls.name, metric: 'p50' },
      { condition: stalls.name, metric: 'p99' },
      { condition: busy.name, metric: 'p50' },
      { condition: busy.name, metric: 'p99' },
    ],
    targets,
    distributions,
    notes: voidNotes(runsOf(all)),
  };
}

function stallTargets(windows: readonly Measurement[]): Target[] {
  return [
    {
      text: `links: p99 of all windows against turns, ${stalls.name}`,
      value: pooledRatio(windows, 'links', 'turns', 0.99),
      bound: 0.4,
      direction: 'at most',
    },
  ];
}

function busyTargets(windows: readonly Measurement[], measured: readonly Measured[]): Target[] {
  if (windows.length === 0) return [];
  const samplesOf = (arm: string, metric: string): readonly number[] =>
    measured.find((one) => one.arm === arm && one.metric === metric && one.condition === busy.name)
      ?.samples ?? [];
  const enough = samplesOf('links', 'p50').length >= 5;
  return (['p50', 'p99'] as const).map((metric) =>
    enough
      ? atMostAtBest(
          `links: where the 95 % interval of ${metric} with hedges over without begins, ${busy.name}`,
          samplesOf('links', metric),
          samplesOf('load-no-hedge', metric),
          1.05,
        )
      : {
          text: `links: ${metric} with hedges over without, ${busy.name}`,
          value: pooledRatio(windows, 'links', 'load-no-hedge', metric === 'p50' ? 0.5 : 0.99),
          bound: 1.05,
          direction: 'at most' as const,
        },
  );
}
