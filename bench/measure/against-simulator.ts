/** The simulator against what was measured: the same requests, arrivals, placement, service times and policies, with and without processes and sockets. */
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
};

/** How far the simulator may be from the measured latency, either way. Of two cores that are shared by twelve processes it knows nothing. */
const TOLERANCE = 1.25;
/** And from the extra tasks, in points of a percentage of first attempts. */
const EXTRA_TOLERANCE = 1;

/** Simulates each arm's windows, all of one round after the other; a target for each quantile of each arm, and one for what hedging it costs. */
export async function againstSimulator(
  condition: SimulatedCondition & { readonly name: string },
  arms: Readonly<Record<string, ArmSpec>>,
  windows: readonly Measurement[],
  warmUpSeconds: number,
  samples: Samples,
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const [arm, { root }] of Object.entries(arms)) {
    if (root.kind !== 'regather') throw new TypeError(`Expected an arm of Regather's, got ${arm}`);
    const latencies: number[] = [];
    const extra: number[] = [];
    for (const { round } of windows.filter((one) => one.arm === arm)) {
      const found = await simulateWindow(condition, root.policy ?? {}, { warmUpSeconds, round });
      latencies.push(...found.latencies);
      extra.push(found.extraTasks);
    }
    if (latencies.length === 0) continue;
    const simulated = distributionOfSamples(latencies);
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
    if (root.policy?.hedge?.enabled === false) continue;
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
