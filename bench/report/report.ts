/** What a run of a scenario says, as data: printed as a table, written as JSON, turned into markdown. */
import type { EncodedHistogram } from '../load/run.ts';
import type { Machine } from './machine.ts';
import type { Chart } from './picture/chart.ts';

/** One metric of one arm under one condition, with a sample per round. */
export interface Measured {
  readonly arm: string;
  /** "32 in flight"; empty where a scenario has one condition. */
  readonly condition: string;
  readonly metric: string;
  readonly unit: string;
  readonly samples: readonly number[];
  /** Of the medians, against the scenario's baseline in this run; absent for the baseline itself. */
  readonly ratio?: number;
}

export interface Headline {
  readonly condition: string;
  readonly metric: string;
}

export interface Target {
  readonly text: string;
  /** What was measured; NaN if an arm it needs was left out. */
  readonly value: number;
  readonly bound: number;
  readonly direction: 'at most' | 'at least';
}

/** How long one arm's answers took under one condition, all rounds together. */
export interface ReportDistribution {
  readonly arm: string;
  readonly condition: string;
  readonly histogram: EncodedHistogram;
}

/** A calculated distribution, drawn dashed over the measured ones of its condition. `curveOf` makes one. */
export interface ReportCurve {
  readonly condition: string;
  readonly name: string;
  /** The arm that it is the ideal of: it takes its colour, and its efficiency is calculated. */
  readonly like?: string;
  /** Milliseconds and the share of answers by then. */
  readonly steps: readonly (readonly [ms: number, share: number])[];
}

export interface Report {
  readonly scenario: string;
  readonly claim: string;
  readonly baseline: string;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly at: string;
  /** A few seconds to see that it runs: its figures mean nothing. */
  readonly smoke: boolean;
  readonly options: Readonly<Record<string, number | string | readonly string[]>>;
  readonly measured: readonly Measured[];
  /** The few figures that say most, for a short table. */
  readonly headline: readonly Headline[];
  readonly targets: readonly Target[];
  readonly notes: readonly string[];
  readonly distributions?: readonly ReportDistribution[];
  readonly curves?: readonly ReportCurve[];
  /** Pictures besides those of distributions and of headline metrics against numbers in conditions, which are drawn anyway. */
  readonly charts?: readonly Chart[];
}

export function isMet(target: Target): boolean {
  return target.direction === 'at most' ? target.value <= target.bound : target.value >= target.bound;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/** Fills in every ratio against `baseline`, condition by condition. */
export function withRatios(measured: readonly Measured[], baseline: string): Measured[] {
  const base = new Map<string, number>();
  for (const one of measured) {
    if (one.arm === baseline) base.set(`${one.condition}/${one.metric}`, spreadOf(one.samples).median);
  }
  return measured.map((one) => {
    const against = base.get(`${one.condition}/${one.metric}`);
    // Against nothing there is no ratio.
    if (one.arm === baseline || against === undefined || against === 0) return one;
    return { ...one, ratio: spreadOf(one.samples).median / against };
  });
}

export function medianOf(measured: readonly Measured[], arm: string, metric: string, condition = ''): number {
  const one = measured.find((m) => m.arm === arm && m.metric === metric && m.condition === condition);
  return one === undefined ? Number.NaN : spreadOf(one.samples).median;
}

/** As JSON that is short and that a version control system shows well: a key to a line, a list of numbers on one. */
export function reportJson(report: Report): string {
  const spread = JSON.stringify(report, null, 1);
  const inner = spread.replace(
    /\[\s+(-?\d[-\d.eE+,\s]*?)\s+\]/g,
    (_, numbers: string) => `[${numbers.replace(/\s+/g, '')}]`,
  );
  return `${inner}\n`;
}
