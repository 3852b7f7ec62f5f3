/** Compares two phases block by block: the engine behind `regather bench compare`. */
import { seededRandom, seedOf } from '../../load/random.ts';
import type { BlockSample } from './block-sample.ts';
import { hiddenVariance, independentPieces, persistence, stretchLength } from './dependence.ts';
import { stretchedInterval } from './interval.ts';
import { MetricsReader, type RunMetric, runMetrics } from './metrics.ts';
import { drawBlocks } from './resample.ts';
import { type Finding, findingOf, unclear } from './verdict.ts';

/** Without so many blocks on each side there is nothing to resample. */
export const leastBlocks = 10;
const resamples = 2000;
/** A histogram of three significant digits knows a value to 0.1 %; of two, their ratio to twice that. */
const resolution = 0.002;

/** B against A, for each metric: the same seed and data give the same answer. */
export function compareBlocks(a: BlockSample, b: BlockSample, seed: number): Finding[] {
  const sides = [a, b].map((sample, side) => new Side(sample, seedOf(seed, side)));
  const [sideA, sideB] = sides as [Side, Side];
  return runMetrics.map((metric: RunMetric, i): Finding => {
    const before = sideA.whole[i]!;
    const after = sideB.whole[i]!;
    const short = [sideA, sideB].find((side) => !(side.answers >= metric.leastAnswers));
    if (short !== undefined || Number.isNaN(before) || Number.isNaN(after)) {
      const least = metric.leastAnswers.toLocaleString('en');
      return unclear(metric, before, after, `too few answers: it takes ${least} on each side`);
    }
    const pieces = Math.min(sideA.pieces[i]!, sideB.pieces[i]!);
    const ratio = metric.by === 'ratio';
    const apart = ratio
      ? (x: number, y: number): number => Math.log(y / x)
      : (x: number, y: number): number => y - x;
    const drawn = new Float64Array(resamples);
    for (let r = 0; r < resamples; r++) drawn[r] = apart(sideA.drawn[i]![r]!, sideB.drawn[i]![r]!);
    const clean = drawn.filter(Number.isFinite);
    const estimate = apart(before, after);
    const hidden = Math.max(sideA.hidden[i]!, sideB.hidden[i]!);
    const interval = stretchedInterval(estimate, clean, pieces, hidden);
    return findingOf(metric, before, after, {
      low: ratio ? Math.exp(interval.low) * (1 - resolution) : interval.low,
      high: ratio ? Math.exp(interval.high) * (1 + resolution) : interval.high,
    });
  });
}

/** One run, resampled: `drawn[metric][resample]`. */
class Side {
  readonly whole: Float64Array;
  readonly drawn: readonly Float64Array[];
  /** Per metric: how many independent blocks it has. */
  readonly pieces: readonly number[];
  /** Per metric: by how much resampling underrates its variance. */
  readonly hidden: readonly number[];
  readonly answers: number;

  constructor(sample: BlockSample, seed: number) {
    const reader = new MetricsReader(sample);
    this.whole = new Float64Array(runMetrics.length);
    reader.read(new Float64Array(sample.blocks).fill(1), this.whole);
    this.answers = sample.ok.reduce((sum, count) => sum + count, 0);
    const persistences = together(reader.seriesOf(this.whole).map(persistence));
    this.pieces = persistences.map((rho) => independentPieces(rho, sample.blocks));
    // One length for all metrics, so that a resample is a run that could have been.
    const length = stretchLength(Math.max(...persistences), sample.blocks);
    this.hidden = persistences.map((rho) => hiddenVariance(rho, length));
    this.drawn = runMetrics.map(() => new Float64Array(resamples));
    const random = seededRandom(seed);
    const times = new Float64Array(sample.blocks);
    const row = new Float64Array(runMetrics.length);
    for (let r = 0; r < resamples; r++) {
      drawBlocks(times, length, random);
      reader.read(times, row);
      for (let i = 0; i < row.length; i++) this.drawn[i]![r] = row[i]!;
    }
  }
}

/**
 * What slows a whole second slows every percentile of it, under noise of the percentile's own that hides it from the correlation of neighbours:
 * each latency's persistence is the middle between its own and the greatest of them.
 */
function together(persistences: readonly number[]): number[] {
  const greatest = Math.max(...persistences.filter((_, i) => runMetrics[i]!.unit === 'ms'));
  return persistences.map((rho, i) => (runMetrics[i]!.unit === 'ms' ? (rho + greatest) / 2 : rho));
}
