/** Histograms of runs and reports: the compressed text that files keep, and the counts behind it. */
import { decodeFromCompressedBase64, type JsHistogram } from 'hdr-histogram-js';
import { type Distribution, distributionOf } from '../ideal/distribution.ts';
import type { EncodedHistogram } from '../load/run.ts';

/** How often each value was seen: values rise, and are the highest that their bucket stands for, as in HdrHistogram's own percentiles. */
export interface Counts {
  readonly valuesUs: readonly number[];
  readonly counts: readonly number[];
  readonly total: number;
}

export function decodeHistogram(text: EncodedHistogram): JsHistogram {
  return decodeFromCompressedBase64(text) as JsHistogram;
}

export function countsOf(histogram: JsHistogram): Counts {
  const valuesUs: number[] = [];
  const counts: number[] = [];
  let total = 0;
  const iterator = histogram.recordedValuesIterator;
  iterator.reset();
  while (iterator.hasNext()) {
    const { valueIteratedTo, countAtValueIteratedTo } = iterator.next();
    if (countAtValueIteratedTo === 0) continue;
    valuesUs.push(valueIteratedTo);
    counts.push(countAtValueIteratedTo);
    total += countAtValueIteratedTo;
  }
  return { valuesUs, counts, total };
}

/** All of them in one; undefined for none. */
export function addHistograms(texts: Iterable<EncodedHistogram>): JsHistogram | undefined {
  let sum: JsHistogram | undefined;
  for (const text of texts) {
    const next = decodeHistogram(text);
    if (sum === undefined) sum = next;
    else sum.add(next);
  }
  return sum;
}

/** In milliseconds; undefined where nothing was recorded. */
export function distributionOfHistogram(histogram: JsHistogram | undefined): Distribution | undefined {
  if (histogram === undefined || histogram.totalCount === 0) return undefined;
  const { valuesUs, counts } = countsOf(histogram);
  return distributionOf(
    valuesUs.map((us) => us / 1000),
    counts,
  );
}

/** The percentile text of HdrHistogram (`.hgrm`), in milliseconds: what its plotter and other tools read. */
export function formatHgrm(histogram: JsHistogram): string {
  return histogram.outputPercentileDistribution(5, 1000);
}
