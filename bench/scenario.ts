import type { ArmSpec } from './arms.ts';
import type { Machine } from './report/machine.ts';
import type { Report } from './report/report.ts';

export interface RunOptions {
  /** A few seconds, to see that it runs. */
  readonly smoke: boolean;
  readonly rounds?: number;
  /** Length of one measured window. */
  readonly seconds?: number;
  readonly arms?: readonly string[];
  /** Only these, where a scenario has several. */
  readonly conditions?: readonly string[];
  /** µs of CPU per answer on top, by arm: to see that what finds slower arms finds them. */
  readonly burnUs?: Readonly<Record<string, number>>;
  /** Where CPU profiles of the roots go, taken in a window of their own after the measured ones. */
  readonly cpuProfDir?: string;
  /** One line about how far it is, for people. */
  progress(line: string): void;
}

/** A ratio of two arms that a change of the code must not make worse. */
export interface Watched {
  readonly metric: string;
  readonly condition: string;
  readonly arm: string;
  /** The arm that it is divided by, round by round. */
  readonly over: string;
  /** Which way is worse. */
  readonly worse: 'higher' | 'lower';
  /** What isn't a change, relative: 0.15 lets it get 15 % worse. */
  readonly tolerance: number;
}

/** A file in scenarios/ whose `scenario` is one: being there is all that it takes to be run, checked and documented. */
export interface Scenario {
  /** The file's name without its ending. */
  readonly name: string;
  /** What the figures are to show, in one sentence. */
  readonly claim: string;
  readonly arms: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, string>>;
  /** Under what the arms are measured, for `--conditions` to choose from; left out: there is but one. */
  readonly conditions?: readonly string[];
  /** What is broken on purpose, and when; left out: nothing. */
  readonly faults?: readonly string[];
  /** Which ratios the regression guard watches; left out: none. */
  readonly guard?: readonly Watched[];
  /** Throws if what an arm answered is wrong: then there are no figures. */
  run(options: RunOptions): Promise<Report>;
}

/** The names of the arms to run, in the scenario's order. Throws UsageError. */
export function chooseNames(
  scenario: string,
  arms: Readonly<Record<string, unknown>>,
  asked: readonly string[] | undefined,
): string[] {
  const known = Object.keys(arms);
  for (const arm of asked ?? []) {
    if (!known.includes(arm))
      throw new UsageError(`Expected arms of ${scenario} (${known.join(', ')}), got "${arm}"`);
  }
  return asked === undefined ? known : known.filter((arm) => asked.includes(arm));
}

/** The arms to run, in the scenario's order, with what is to be burned in them. Throws UsageError. */
export function chooseArms(
  scenario: string,
  arms: Readonly<Record<string, ArmSpec>>,
  { arms: asked, burnUs }: Pick<RunOptions, 'arms' | 'burnUs'>,
): Record<string, ArmSpec> {
  return Object.fromEntries(
    chooseNames(scenario, arms, asked).map((name) => {
      const burn = burnUs?.[name];
      return [name, burn === undefined ? arms[name]! : { ...arms[name]!, burnUs: burn }];
    }),
  );
}

/** What a report says of itself; `machine` is as it was before anything was measured. */
export function reportHead(
  { name, claim }: Scenario,
  baseline: string,
  machine: Machine,
  { smoke }: RunOptions,
): Pick<Report, 'scenario' | 'claim' | 'baseline' | 'machine' | 'at' | 'smoke'> {
  return { scenario: name, claim, baseline, machine, at: new Date().toISOString(), smoke };
}

/** Throws UsageError for one that the scenario doesn't have: it would measure nothing. */
export function expectConditions(
  { name, conditions = [] }: Pick<Scenario, 'name' | 'conditions'>,
  asked: readonly string[] = [],
): void {
  const unknown = asked.find((one) => !conditions.includes(one));
  if (unknown === undefined) return;
  const known = conditions.length === 0 ? 'it has but one' : conditions.join('; ');
  throw new UsageError(`Expected conditions of ${name} (${known}), got "${unknown}"`);
}

/** The command line was wrong: exit 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}
