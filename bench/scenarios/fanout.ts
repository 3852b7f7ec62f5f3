/** What one more shard costs, from a single one to a hundred. */
import { batched, byHand, describeArms, links, plain } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { closedWindow } from '../measure/closed-window.ts';
import { Samples } from '../measure/samples.ts';
import { inTurns } from '../measure/turns.ts';
import { type Arm, startArms, stopArms } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import { medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms = { 'by-hand': byHand, batched, plain, links };
const baseline = 'by-hand';
const inFlight = 8;

/** Shards, and the workers that hold them: as few cores as there are have to play them all. */
const sizes = [
  { shards: 1, workers: 1 },
  { shards: 4, workers: 4 },
  { shards: 16, workers: 8 },
  { shards: 64, workers: 8 },
  { shards: 100, workers: 10 },
] as const;

const conditionOf = (shards: number): string => `${shards} ${shards === 1 ? 'shard' : 'shards'}`;

export const scenario: Scenario = {
  name: 'fanout',
  claim: 'Over links the cost of an answer grows with the workers that are asked, not with their shards.',
  arms: describeArms(arms),
  conditions: sizes.map(({ shards }) => conditionOf(shards)),
  metrics: {
    p50: 'median latency at the client (ms)',
    p99: '99th percentile at the client (ms)',
    'p99.9': '99.9th percentile at the client (ms); of windows with at least 1,000 answers',
    'root CPU': 'process.cpuUsage() of the root over the window, per answer (µs)',
    'per leaf call': 'root CPU for each message to a worker (µs)',
    'per shard': 'root CPU for each shard of the answer (µs)',
    answers: 'answers per second that the client got',
  },
  guard: (['by-hand', 'batched'] as const).map((over) => ({
    metric: 'root CPU',
    condition: conditionOf(64),
    arm: 'links',
    over,
    worse: 'higher' as const,
    tolerance: 0.15,
  })),
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 3);
  const seconds = options.seconds ?? (options.smoke ? 0.2 : 5);
  const warmUpSeconds = options.smoke ? 0.1 : Math.min(1, seconds);
  const samples = new Samples();
  for (const size of options.smoke ? sizes.slice(0, 2) : sizes) {
    const condition = conditionOf(size.shards);
    if (options.conditions?.includes(condition) === false) continue;
    let running: Arm[] = [];
    try {
      running = await startArms(chosen, { placement: place(size.shards, size.workers) });
      await inTurns(running, rounds, async (arm, round) => {
        options.progress(`${condition}, round ${round + 1} of ${rounds}, ${arm.name}`);
        const { marked, rootCpuUs, answersPerSecond } = await closedWindow(
          arm,
          inFlight,
          warmUpSeconds,
          seconds,
        );
        const add = (metric: string, unit: string, value: number): void =>
          samples.add(arm.name, condition, metric, unit, value);
        const batches = arm.name === 'links' || arm.name === 'batched';
        add('p50', 'ms', marked.p50Ms);
        add('p99', 'ms', marked.p99Ms);
        if (marked.answers >= 1000) add('p99.9', 'ms', marked.p999Ms);
        add('root CPU', 'µs', rootCpuUs);
        add('per leaf call', 'µs', rootCpuUs / (batches ? size.workers : size.shards));
        add('per shard', 'µs', rootCpuUs / size.shards);
        add('answers', '/s', answersPerSecond);
      });
    } finally {
      await stopArms(running);
    }
  }
  const measured = withRatios(samples.all, baseline);
  const growth = (arm: string): number =>
    medianOf(measured, arm, 'root CPU', conditionOf(64)) /
    medianOf(measured, arm, 'root CPU', conditionOf(16));
  const targets: Target[] =
    options.smoke || options.conditions !== undefined
      ? []
      : [
          {
            text: 'links: root CPU with 64 shards against 16, on the same 8 workers',
            value: growth('links'),
            bound: 2,
            direction: 'at most',
          },
          {
            text: 'links: root CPU against by-hand, 100 shards',
            value:
              medianOf(measured, 'links', 'root CPU', conditionOf(100)) /
              medianOf(measured, baseline, 'root CPU', conditionOf(100)),
            bound: 0.1,
            direction: 'at most',
          },
        ];
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      seconds,
      'warm-up seconds': warmUpSeconds,
      'in flight': inFlight,
      arms: Object.keys(chosen),
    },
    measured,
    headline: [
      { condition: conditionOf(1), metric: 'p50' },
      { condition: conditionOf(100), metric: 'p50' },
      { condition: conditionOf(100), metric: 'p99' },
      { condition: conditionOf(100), metric: 'root CPU' },
    ],
    targets,
    notes: [
      `Workers by shards: ${sizes.map(({ shards, workers }) => `${shards} on ${workers}`).join(', ')}. ` +
        `Closed loop of ${inFlight}, so that latencies are of a busy machine; \`stragglers\` has those of a schedule.`,
    ],
  };
}
