/** The metrics of a run as functions of how often each of its blocks counts. */
import type { BlockSample } from './block-sample.ts';

export interface RunMetric {
  readonly name: string;
  readonly unit: string;
  /** Whether more of it is better. */
  readonly better: 'less' | 'more';
  /** A ratio makes sense of what can't be 0; of a share, the difference does. */
  readonly by: 'ratio' | 'difference';
  /** The least number of good answers on each side without which it says nothing. */
  readonly leastAnswers: number;
}

/** With fewer than ten answers beyond a percentile, it is one answer's figure. */
export const runMetrics = [
  { name: 'p50', unit: 'ms', better: 'less', by: 'ratio', leastAnswers: 20 },
  { name: 'p90', unit: 'ms', better: 'less', by: 'ratio', leastAnswers: 100 },
  { name: 'p99', unit: 'ms', better: 'less', by: 'ratio', leastAnswers: 1000 },
  { name: 'p99.9', unit: 'ms', better: 'less', by: 'ratio', leastAnswers: 10_000 },
  { name: 'mean', unit: 'ms', better: 'less', by: 'ratio', leastAnswers: 20 },
  { name: 'goodput', unit: '/s', better: 'more', by: 'ratio', leastAnswers: 1 },
  { name: 'error share', unit: '%', better: 'less', by: 'difference', leastAnswers: 0 },
] as const satisfies readonly RunMetric[];

const percentiles = [0.5, 0.9, 0.99, 0.999];

/** Writes the metrics, in the order of `runMetrics`; NaN where nothing was answered. `times[i]`: how often block i counts. */
export class MetricsReader {
  readonly #sample: BlockSample;
  readonly #merged: Float64Array;

  constructor(sample: BlockSample) {
    this.#sample = sample;
    this.#merged = new Float64Array(sample.valuesMs.length);
  }

  read(times: ArrayLike<number>, into: Float64Array): void {
    const { bins, counts, ok, sumMs, scheduled, durationMs, valuesMs } = this.#sample;
    const merged = this.#merged.fill(0);
    let totalOk = 0;
    let totalMs = 0;
    let totalScheduled = 0;
    let totalDuration = 0;
    for (let block = 0; block < this.#sample.blocks; block++) {
      const weight = times[block]!;
      if (weight === 0) continue;
      totalOk += weight * ok[block]!;
      totalMs += weight * sumMs[block]!;
      totalScheduled += weight * scheduled[block]!;
      totalDuration += weight * durationMs[block]!;
      const binsOf = bins[block]!;
      const countsOf = counts[block]!;
      for (let i = 0; i < binsOf.length; i++) merged[binsOf[i]!]! += weight * countsOf[i]!;
    }
    into.fill(Number.NaN);
    if (totalOk > 0) {
      let seen = 0;
      let next = 0;
      for (let i = 0; i < merged.length && next < percentiles.length; i++) {
        seen += merged[i]!;
        while (next < percentiles.length && seen >= percentiles[next]! * totalOk) into[next++] = valuesMs[i]!;
      }
      into[4] = totalMs / totalOk;
    }
    into[5] = (1000 * totalOk) / totalDuration;
    into[6] = totalScheduled === 0 ? Number.NaN : (100 * (totalScheduled - totalOk)) / totalScheduled;
  }

  /**
   * For each metric its share in each block, whose correlation with the next block's tells how far the metric's blocks depend on each other: for a
   * percentile, how much of a block is above it.
   */
  seriesOf(whole: Float64Array): number[][] {
    const { bins, counts, ok, sumMs, scheduled, durationMs, valuesMs } = this.#sample;
    const blocks = Array.from({ length: this.#sample.blocks }, (_, i) => i);
    const above = (limit: number): number[] =>
      blocks.map((block) => {
        let total = 0;
        for (let i = 0; i < bins[block]!.length; i++)
          if (valuesMs[bins[block]![i]!]! > limit) total += counts[block]![i]!;
        return total / Math.max(1, ok[block]!);
      });
    return [
      ...percentiles.map((_, i) => above(whole[i]!)),
      blocks.map((block) => sumMs[block]! / Math.max(1, ok[block]!)),
      blocks.map((block) => ok[block]! / durationMs[block]!),
      blocks.map((block) => 1 - ok[block]! / Math.max(1, scheduled[block]!)),
    ];
  }
}
