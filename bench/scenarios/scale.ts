/** What policies cost and give as shards become many. */
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { describeArms, links, linksWithoutPolicies } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { quietMachine } from '../measure/busiest.ts';
import { constant, experiment, type Measurement } from '../measure/experiment.ts';
import { latencyMetrics, recordWindows, runsOf } from '../measure/latencies.ts';
import { Samples } from '../measure/samples.ts';
import { voidNotes } from '../measure/void-notes.ts';
import { readMachine } from '../report/machine.ts';
import { medianOf, type Report, type Target, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const arms = { 'links-no-policies': linksWithoutPolicies, links };
const baseline = 'links-no-policies';

/** One task in five hundred is slow, so that with more shards every answer has some. */
const serviceTime: ServiceTime = { seed: 61, medianMs: 5, sigma: 0.3, slowShare: 0.002, slowMs: [100, 300] };

/** So many tasks in all per second, whatever the shards, or the machine would be the measure; but at least `leastPerSecond` answers. */
const tasksPerSecond = 2_000;
const leastPerSecond = 4;
const sizes = [16, 64, 256, 1000] as const;
const conditionOf = (shards: number): string => `${shards} shards`;

export const scenario: Scenario = {
  name: 'scale',
  claim:
    'With many shards nearly every answer has a slow task in it; policies keep it from being slow, for a few µs per task.',
  arms: describeArms(arms),
  conditions: sizes.map(conditionOf),
  metrics: {
    ...latencyMetrics,
    'root CPU per task': 'of the root over the window, by tasks of its answers (µs)',
  },
  faults: [
    'one task in five hundred takes 100 to 300 ms longer than its service time (lognormal, median 5 ms, σ 0.3)',
  ],
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const seconds = options.seconds ?? (options.smoke ? 1 : 8);
  const warmUpSeconds = options.smoke ? 0.3 : 2;
  const samples = new Samples();
  const all: Measurement[] = [];
  const targets: Target[] = [];
  for (const shards of options.smoke ? sizes.slice(0, 1) : sizes) {
    const name = conditionOf(shards);
    if (options.conditions?.includes(name) === false) continue;
    const perSecond = Math.max(leastPerSecond, Math.round(tasksPerSecond / shards));
    const windows = await experiment(
      {
        name,
        placement: place(shards, 8, 3),
        serviceTime,
        // Enough for all tasks of an answer at once: whether slots suffice is another question.
        slots: Math.max(12, (shards / 8) * 3),
        rate: constant(perSecond, seconds),
        deadlineMs: 5_000,
      },
      { ...options, arms: chosen, rounds, warmUpSeconds },
    );
    recordWindows(samples, name, windows);
    for (const { arm, window } of windows) {
      const tasks = window.summary.offeredPerSecond * shards;
      samples.add(arm, name, 'root CPU per task', 'µs', (window.rootCpu * 1e6) / tasks);
    }
    const at = (arm: string, metric: string): number => medianOf(samples.all, arm, metric, name);
    targets.push({
      text: `links: µs of root CPU per task above those without policies, ${name}`,
      value: at('links', 'root CPU per task') - at(baseline, 'root CPU per task'),
      bound: 3,
      direction: 'at most',
    });
    targets.push(quietMachine(name, windows));
    all.push(...windows);
  }
  const measured = withRatios(samples.all, baseline);
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: {
      rounds,
      seconds,
      'warm-up seconds': warmUpSeconds,
      'tasks per second': `${tasksPerSecond}, and at least ${leastPerSecond} answers: of 1,000 shards 4,000`,
      replicas: 3,
      workers: 8,
      arms: Object.keys(chosen),
    },
    measured,
    headline: [
      { condition: conditionOf(16), metric: 'p50' },
      { condition: conditionOf(16), metric: 'p99' },
      { condition: conditionOf(16), metric: 'root CPU per task' },
    ],
    targets: targets.filter((target) => !Number.isNaN(target.value)),
    notes: voidNotes(runsOf(all)),
  };
}
