/** What the regression guard compares with: ratios, round by round, kept in the repository. Never times: those belong to a machine. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Machine } from '../report/machine.ts';
import { checked, machine, readJson } from '../report/read-result.ts';
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

const text = z.string({ error: 'expected text' });
const ratio = z
  .number({ error: 'expected a number above 0' })
  .positive({ error: 'expected a number above 0' });
const baselineSchema = z.object(
  {
    version: z.literal(1, { error: 'expected version 1' }),
    machine,
    at: text,
    ratios: z.array(
      z.object(
        {
          scenario: text,
          metric: text,
          condition: text,
          arm: text,
          over: text,
          ratios: z.array(ratio, { error: 'expected a list' }),
        },
        { error: 'expected an object' },
      ),
      { error: 'expected a list' },
    ),
  },
  { error: 'expected an object' },
);

/** Throws RESULT_INVALID, naming the file and the key. */
export function readBaseline(file: string = baselineFile): Baseline {
  return checked(file, readJson(file), baselineSchema) as Baseline;
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
