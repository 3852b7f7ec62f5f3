import type { ReportCurve, ReportDistribution } from '../report/report.ts';
import type { RunOptions } from '../scenario.ts';
import { type Condition, type ExperimentOptions, experiment, type Measurement } from './experiment.ts';
import { type Ideals, idealCurves, measureIdeals, otherIdealCurves, recordEfficiency } from './ideals.ts';
import { distributionsOf, recordWindows } from './latencies.ts';
import type { Samples } from './samples.ts';

export interface AgainstIdeals {
  /** The arms that are held against ideal hedging; the others are against none. */
  readonly hedging: readonly string[];
  /** The arms beside which the ideal curves are drawn, in their colours. */
  readonly drawn: { readonly unhedged: string; readonly hedged: string };
  /** Draws what no arm is held against as well: two attempts at once, and fewer shards. Legible beside few arms only; left out: not. */
  readonly others?: boolean;
}

/** An experiment whose leaf calls are measured first; records its windows and efficiencies. */
export async function experimentAgainstIdeals(
  condition: Condition,
  options: Omit<ExperimentOptions, 'prepare'> & Pick<RunOptions, 'smoke'>,
  samples: Samples,
  { hedging, drawn, others = false }: AgainstIdeals,
): Promise<{ windows: Measurement[]; distributions: ReportDistribution[]; curves: ReportCurve[] }> {
  const { name } = condition;
  let ideals: Ideals | undefined;
  const windows = await experiment(condition, {
    ...options,
    prepare: async (running) => {
      options.progress(`${name}: leaf calls`);
      ideals = await measureIdeals(condition, running, options.smoke);
    },
  });
  recordWindows(samples, name, windows);
  recordEfficiency(samples, name, windows, ideals!, hedging);
  return {
    windows,
    distributions: distributionsOf(windows, name),
    curves: [
      ...idealCurves(name, ideals!, drawn.unhedged, drawn.hedged),
      ...(others ? otherIdealCurves(name, ideals!) : []),
    ],
  };
}
