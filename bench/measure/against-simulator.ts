/** The simulator against what was measured: the same requests, arrivals, placement, service times and policies, with and without processes and sockets. */
import type { PolicyOptions } from '../../root/policy.ts';
import type { ArmSpec } from '../arms.ts';
import { distributionOfSamples, quantile } from '../ideal/distribution.ts';
import { medianOf, type Target } from '../report/report.ts';
import { type SimulatedCondition, simulateWindow } from '../sim/window.ts';
import type { Measurement } from './experiment.ts';
import { pooledQuantile } from './latencies.ts';
import type { Samples } from './samples.ts';

export const simulatedMetrics = {
  'simulated p50': 'what the simulator makes of the same requests, all windows together (ms)',
  'simulated p99': 'the same at p99 (ms)',
  'simulated extra': 'extra tasks there (%)',
  'simulated slowness':
    "of the machine there, by which the root has used as much CPU as was measured, over the machine on which an event loop's work was once measured",
};

/** How far the simulator may be from the measured latency, either way. */
const TOLERANCE = 1.25;
/** And from the extra tasks, in points of a percentage of first attempts. */
const EXTRA_TOLERANCE = 1;

/** Of windows that are recorded in `samples`. Simulates each arm's windows, all of one round after the other; a target for each quantile of each arm, and one for what hedging it costs. */
export async function againstSimulator(
  condition: SimulatedCondition & { readonly name: string },
  arms: Readonly<Record<string, ArmSpec>>,
  windows: readonly Measurement[],
  warmUpSeconds: number,
  samples: Samples,
): Promise<Target[]> {
  const targets: Target[] = [];
  const policies = Object.entries(arms).map(([arm, { root }]) => {
    if (root.kind !== 'regather') throw new TypeError(`Expected an arm of Regather's, got ${arm}`);
    return { arm, policy: root.policy ?? {} };
  });
  const slowness = await slownessOf(condition, policies, windows, warmUpSeconds, samples);
  for (const { arm, policy } of policies) {
    const latencies: number[] = [];
    const extra: number[] = [];
    for (const { round } of windows.filter((one) => one.arm === arm)) {
      const found = await simulateWindow(condition, policy, { warmUpSeconds, round }, slowness);
      latencies.push(...found.latencies);
      extra.push(found.extraTasks);
    }
    if (latencies.length === 0) continue;
    const simulated = distributionOfSamples(latencies);
    samples.add(arm, condition.name, 'simulated slowness', '×', slowness);
    for (const [name, q] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      const ms = quantile(simulated, q);
      samples.add(arm, condition.name, `simulated ${name}`, 'ms', ms);
      const ratio = ms / pooledQuantile(windows, arm, q);
      targets.push({
        text: `${arm}: ${name} of the simulator and ${name} measured, one over the other, ${condition.name}`,
        value: Math.max(ratio, 1 / ratio),
        bound: TOLERANCE,
        direction: 'at most',
      });
    }
    for (const share of extra) samples.add(arm, condition.name, 'simulated extra', '%', share * 100);
    // Where none are to be, there is nothing to compare.
    if (policy.hedge?.enabled === false) continue;
    targets.push({
      text: `${arm}: extra tasks of the simulator and those measured, how far apart, in % of first attempts, ${condition.name}`,
      value: Math.abs(
        medianOf(samples.all, arm, 'simulated extra', condition.name) -
          medianOf(samples.all, arm, 'extra tasks', condition.name),
      ),
      bound: EXTRA_TOLERANCE,
      direction: 'at most',
    });
  }
  return targets;
}

/** How slow the machine was: by that much the simulated root's CPU is multiplied, to be what the roots have used. */
async function slownessOf(
  condition: SimulatedCondition & { readonly name: string },
  arms: readonly { readonly arm: string; readonly policy: PolicyOptions }[],
  windows: readonly Measurement[],
  warmUpSeconds: number,
  samples: Samples,
): Promise<number> {
  let measured = 0;
  let simulated = 0;
  for (const { arm, policy } of arms) {
    const first = windows.find((one) => one.arm === arm);
    if (first === undefined) continue;
    measured += medianOf(samples.all, arm, 'root CPU', condition.name) / 100;
    const { round } = first;
    simulated += (await simulateWindow(condition, policy, { warmUpSeconds, round }, 1)).rootCpu;
  }
  return measured / simulated;
}
