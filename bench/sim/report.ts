/** A simulation as a report: the same table as a measured scenario's, with figures of virtual time. */
import { readMachine } from '../report/machine.ts';
import type { Measured, Report } from '../report/report.ts';
import { withRatios } from '../report/report.ts';
import type { Preset } from './presets.ts';
import { quantileOf, recoverySeconds, type SimResult, simulate } from './run.ts';

export interface SimOptions {
  readonly seed: number;
  /** Runs with other seeds, for a spread. */
  readonly rounds: number;
  progress(line: string): void;
}

export async function simulationReport(preset: Preset, options: SimOptions): Promise<Report> {
  const machine = readMachine();
  const arms = Object.keys(preset.arms);
  const results = new Map<string, SimResult[]>(arms.map((arm) => [arm, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const arm of arms) {
      options.progress(`round ${round + 1} of ${options.rounds}, ${arm}`);
      results.get(arm)!.push(await simulate(preset, preset.arms[arm]!, options.seed + round));
    }
  }
  const measured: Measured[] = [];
  for (const [arm, runs] of results) {
    const add = (metric: string, unit: string, of: (run: SimResult) => number): void => {
      measured.push({ arm, condition: '', metric, unit, samples: runs.map(of) });
    };
    for (const [name, quantile] of quantiles) {
      add(name, 'ms', ({ latencies }) => quantileOf(latencies, quantile));
    }
    add('failed', '%', ({ failed, requests }) => (100 * failed) / requests);
    add('extra tasks', '%', ({ extra, primaries }) => (100 * extra) / primaries);
    if (preset.overAt !== undefined) {
      const { overAt } = preset;
      add('back after', 's', (run) => recoverySeconds(run, overAt));
    }
  }
  const { shards, replicas, slots, load, seconds } = preset;
  return {
    scenario: `sim ${preset.name}`,
    claim: preset.description,
    baseline: arms[0]!,
    machine,
    at: new Date().toISOString(),
    smoke: false,
    options: { seed: options.seed, rounds: options.rounds, shards, replicas, slots, load, seconds },
    measured: withRatios(measured, arms[0]!),
    headline: [],
    targets: [],
    notes: [
      'Virtual time: the real policies over simulated workers. What the root itself costs, and what a machine shares, is not in it.',
    ],
  };
}

const quantiles = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const;
