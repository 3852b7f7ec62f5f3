/** What a root's policies cost it where they have nothing to do: the same answer with all of them on and off, interleaved in one run. */
import { describeArms, links, linksWithoutPolicies } from '../arms.ts';
import { place } from '../echo/placement.ts';
import { closedWindow } from '../measure/closed-window.ts';
import { Samples } from '../measure/samples.ts';
import { inTurns } from '../measure/turns.ts';
import { type Arm, startArms, stopArms } from '../process/arms.ts';
import { readMachine } from '../report/machine.ts';
import { medianOf, type Report, withRatios } from '../report/report.ts';
import { chooseArms, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const shardCount = 16;
const levels = [1, 8, 32];
const baseline = 'links-no-policy';
const conditionOf = (inFlight: number): string => `${inFlight} in flight`;
const arms = { links, [baseline]: linksWithoutPolicies };

export const scenario: Scenario = {
  name: 'policies',
  claim:
    'Choosing replicas, hedging, retries, breakers, ejection and admission cost a root at most 3 µs per task and 30 % per answer.',
  arms: describeArms(arms),
  conditions: levels.map(conditionOf),
  metrics: {
    'root CPU': 'process.cpuUsage() of the root over the window, per answer of 16 tasks (µs)',
    answers: 'answers per second that the client got',
    p50: 'median latency at the client (ms)',
    p99: '99th percentile at the client (ms)',
  },
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const chosen = chooseArms(scenario.name, arms, options);
  const rounds = options.rounds ?? (options.smoke ? 1 : 7);
  const seconds = options.seconds ?? (options.smoke ? 0.2 : 3);
  const samples = new Samples();
  let running: Arm[] = [];
  try {
    options.progress('starting workers and roots');
    running = await startArms(chosen, { placement: place(shardCount, 8, 3) });
    for (const inFlight of options.smoke ? [1, 32] : levels) {
      const condition = conditionOf(inFlight);
      if (options.conditions?.includes(condition) === false) continue;
      await inTurns(running, rounds, async (arm, round) => {
        options.progress(`round ${round + 1} of ${rounds}, ${condition}, ${arm.name}`);
        const window = await closedWindow(arm, inFlight, options.smoke ? 0.1 : 1, seconds);
        samples.add(arm.name, condition, 'root CPU', 'µs', window.rootCpuUs);
        samples.add(arm.name, condition, 'answers', '/s', window.answersPerSecond);
        samples.add(arm.name, condition, 'p50', 'ms', window.marked.p50Ms);
        samples.add(arm.name, condition, 'p99', 'ms', window.marked.p99Ms);
      });
    }
  } finally {
    await stopArms(running);
  }
  const measured = withRatios(samples.all, baseline);
  const cpu = (arm: string): number => medianOf(measured, arm, 'root CPU', conditionOf(32));
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: { rounds, seconds, shards: shardCount, replicas: 3, arms: Object.keys(chosen) },
    measured,
    headline: [
      { condition: '32 in flight', metric: 'root CPU' },
      { condition: '32 in flight', metric: 'answers' },
    ],
    targets: [
      {
        text: 'root CPU per answer, all policies on against all off, 32 in flight',
        value: cpu('links') / cpu(baseline),
        bound: 1.3,
        direction: 'at most',
      },
      {
        text: 'root CPU per task that the policies add, µs, 32 in flight',
        value: (cpu('links') - cpu(baseline)) / shardCount,
        bound: 3,
        direction: 'at most',
      },
    ],
    notes: ['Three replicas of each shard, so that there is something to choose and to hedge with.'],
  };
}
