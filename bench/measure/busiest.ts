import type { Target } from '../report/report.ts';
import type { Measurement } from './experiment.ts';

/** Where latency is the claim, the machine may be no bottleneck: its CPU in the median window. */
export function quietMachine(condition: string, windows: readonly Measurement[]): Target {
  const shares = windows.map(({ window }) => window.machineCpu * 100).sort((a, b) => a - b);
  return {
    text: `machine CPU in %, ${condition}`,
    value: shares[shares.length >> 1] ?? Number.NaN,
    bound: 30,
    direction: 'at most',
  };
}
