/** What the measured leaf calls allow at best, and how near to it each arm comes. */
import { bestHedge, kOfN, minOfTwo, withoutHedge } from '../ideal/curves.ts';
import { type Distribution, quantile } from '../ideal/distribution.ts';
import type { Arm } from '../process/arms.ts';
import type { ReportCurve } from '../report/report.ts';
import { curveOf } from '../report/scenario-charts.ts';
import { type Condition, type Measurement, whileBroken } from './experiment.ts';
import { latenciesOf } from './latencies.ts';
import { leafDistribution } from './leaf-distribution.ts';
import type { Samples } from './samples.ts';

/** Second attempts per first one that ideal hedging may spend. */
export const idealBudget = 0.05;

export const idealQuantiles = { p50: 0.5, p90: 0.9, p99: 0.99 } as const;
type QuantileName = keyof typeof idealQuantiles;

export interface Ideals {
  readonly withoutHedge: Distribution;
  /** Best for that quantile. */
  readonly hedged: Readonly<Record<QuantileName, Distribution>>;
  /** Every task twice, whatever that costs: no hedging of one more attempt can be faster. */
  readonly twice: Distribution;
  /** Nine tenths of the shards and no hedges: what partial answers could reach. */
  readonly partial: Distribution;
  readonly partialName: string;
}

export const idealMetrics = {
  'η p50': `ideal over measured at p50, all windows together: without hedges F^N, with them the best delay at a budget of ${idealBudget * 100} %`,
  'η p90': 'the same at p90',
  'η p99': 'the same at p99',
};

/** From leaf calls measured now, on the workers of the first of Regather's arms, broken as they are for the arms. */
export async function measureIdeals(
  condition: Condition,
  arms: readonly Arm[],
  smoke: boolean,
): Promise<Ideals> {
  const { workers } = arms.find((arm) => arm.name.startsWith('links')) ?? arms[0]!;
  const leaf = await whileBroken(condition, workers, 0, () =>
    leafDistribution(workers, {
      perSecond: smoke ? 20 : 120,
      seconds: smoke ? 1 : 30,
      warmUpSeconds: smoke ? 0.2 : 1,
    }),
  );
  const { shardCount } = condition.placement;
  const most = Math.ceil(0.9 * shardCount);
  const hedged = (q: number): Distribution => bestHedge(leaf, shardCount, idealBudget, q).distribution;
  return {
    withoutHedge: withoutHedge(leaf, shardCount),
    hedged: { p50: hedged(0.5), p90: hedged(0.9), p99: hedged(0.99) },
    twice: minOfTwo(leaf, shardCount),
    partial: kOfN(leaf, most, shardCount),
    partialName: `ideal, ${most} of ${shardCount} shards`,
  };
}

/** `hedging`: the arms that are held against ideal hedging, the others against none. */
export function recordEfficiency(
  samples: Samples,
  condition: string,
  windows: readonly Measurement[],
  ideals: Ideals,
  hedging: readonly string[],
): void {
  for (const arm of new Set(windows.map((one) => one.arm))) {
    const latencies = latenciesOf(windows, arm);
    if (latencies === undefined) continue;
    for (const name of Object.keys(idealQuantiles) as QuantileName[]) {
      const q = idealQuantiles[name];
      const ideal = hedging.includes(arm) ? ideals.hedged[name] : ideals.withoutHedge;
      samples.add(arm, condition, `η ${name}`, '', quantile(ideal, q) / quantile(latencies.distribution, q));
    }
  }
}

/** What is drawn dashed beside the arms that they are the ideals of. */
export function idealCurves(
  condition: string,
  ideals: Ideals,
  unhedged: string,
  hedged: string,
): ReportCurve[] {
  return [
    curveOf(condition, 'ideal without hedges', ideals.withoutHedge, unhedged),
    curveOf(condition, `ideal, hedged for ${idealBudget * 100} % more tasks`, ideals.hedged.p99, hedged),
  ];
}

/** What no arm is held against: ways of doing more work, or of answering with less. */
export function otherIdealCurves(condition: string, ideals: Ideals): ReportCurve[] {
  return [
    curveOf(condition, 'ideal, each task twice', ideals.twice),
    curveOf(condition, ideals.partialName, ideals.partial),
  ];
}
