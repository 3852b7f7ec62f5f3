/** What the regression guard compares with: ratios, round by round, kept in the repository. Never times: those belong to a machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../report/machine.ts';
import type { Watched } from '../scenario.ts';

export const baselineFile = fileURLToPath(new URL('../baseline.json', import.meta.url));

export interface KeptRatio extends Pick<Watched, 'metric' | 'condition' | 'arm' | 'over'> {
  readonly scenario: string;
  /** One for each round. */
  readonly ratios: readonly number[];
}

export interface Baseline {
  readonly version: 1;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly at: string;
  readonly ratios: readonly KeptRatio[];
}

export function readBaseline(file: string = baselineFile): Baseline {
  const baseline = JSON.parse(readFileSync(file, 'utf8')) as Baseline;
  if (baseline.version !== 1) throw new Error(`Expected version 1 of ${file}, got ${baseline.version}`);
  return baseline;
}

export function writeBaseline(baseline: Baseline, file: string = baselineFile): void {
  writeFileSync(file, `${JSON.stringify(baseline, null, 1)}\n`);
}

export function keptOf(baseline: Baseline, scenario: string, watched: Watched): KeptRatio | undefined {
  return baseline.ratios.find(
    (kept) =>
      kept.scenario === scenario &&
      kept.metric === watched.metric &&
      kept.condition === watched.condition &&
      kept.arm === watched.arm &&
      kept.over === watched.over,
  );
}
