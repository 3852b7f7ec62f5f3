import type { Report } from './report/report.ts';

export interface RunOptions {
  /** A few seconds, to see that it runs. */
  readonly smoke: boolean;
  readonly rounds?: number;
  /** Length of one measured window. */
  readonly seconds?: number;
  readonly arms?: readonly string[];
  /** Where CPU profiles of the roots go, taken in a window of their own after the measured ones. */
  readonly cpuProfDir?: string;
  /** One line about how far it is, for people. */
  progress(line: string): void;
}

export interface Scenario {
  readonly name: string;
  /** What the figures are to show, in one sentence. */
  readonly claim: string;
  readonly arms: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, string>>;
  /** Throws if what an arm answered is wrong: then there are no figures. */
  run(options: RunOptions): Promise<Report>;
}

/** The arms to run, in the scenario's order. */
export function chooseArms(scenario: Scenario, asked: readonly string[] | undefined): string[] {
  const known = Object.keys(scenario.arms);
  for (const arm of asked ?? []) {
    if (!known.includes(arm))
      throw new UsageError(`Expected arms of ${scenario.name} (${known.join(', ')}), got "${arm}"`);
  }
  return asked === undefined ? known : known.filter((arm) => asked.includes(arm));
}

/** The command line was wrong: exit 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}
