/** What windows say of latencies, each and together. */

import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { Distribution } from '../ideal/distribution.ts';
import { quantile } from '../ideal/distribution.ts';
import type { LoadRun } from '../load/run.ts';
import { addHistograms, distributionOfHistogram } from '../report/histogram.ts';
import type { ReportDistribution } from '../report/report.ts';
import type { Measurement } from './experiment.ts';
import type { Samples } from './samples.ts';

export const latencyMetrics = {
  p50: 'median latency from the intended send time (ms)',
  p99: '99th percentile (ms)',
  'extra tasks': 'tasks that workers began above one per shard and request (%)',
  failed: 'requests without an answer (%)',
  'machine CPU': 'of all cores (%)',
  'root CPU': 'of one core (%)',
};

/** One sample of each of `latencyMetrics` for each window. */
export function recordWindows(samples: Samples, condition: string, windows: readonly Measurement[]): void {
  for (const { arm, window } of windows) {
    const { summary, extraTasks, machineCpu, rootCpu } = window;
    const add = (metric: string, unit: string, value: number): void =>
      samples.add(arm, condition, metric, unit, value);
    if (summary.latencyMs !== undefined) {
      add('p50', 'ms', summary.latencyMs.p50);
      add('p99', 'ms', summary.latencyMs.p99);
    }
    if (!Number.isNaN(extraTasks)) add('extra tasks', '%', Math.max(0, extraTasks) * 100);
    add('failed', '%', summary.errorShare * 100);
    add('machine CPU', '%', machineCpu * 100);
    add('root CPU', '%', rootCpu * 100);
  }
}

export interface Latencies {
  readonly distribution: Distribution;
  readonly count: number;
}

export function runsOf(windows: readonly Measurement[], arm?: string): LoadRun[] {
  return windows.flatMap((one) => (arm === undefined || one.arm === arm ? [one.window.run] : []));
}

/** Of all windows of the arm together; undefined if nothing was answered. */
export function latenciesOf(windows: readonly Measurement[], arm: string): Latencies | undefined {
  const histogram = histogramOf(windows, arm);
  const distribution = distributionOfHistogram(histogram);
  return distribution === undefined ? undefined : { distribution, count: histogram!.totalCount };
}

function histogramOf(windows: readonly Measurement[], arm: string): ReturnType<typeof addHistograms> {
  const blocks = runsOf(windows, arm).flatMap((run) => run.blocks);
  return addHistograms(blocks.map((block) => block.latency));
}

/** For the report: what its pictures of distributions are drawn from. */
export function distributionsOf(windows: readonly Measurement[], condition: string): ReportDistribution[] {
  return [...new Set(windows.map(({ arm }) => arm))].flatMap((arm): ReportDistribution[] => {
    const histogram = histogramOf(windows, arm);
    if (histogram === undefined || histogram.totalCount === 0) return [];
    return [{ arm, condition, histogram: encodeIntoCompressedBase64(histogram) }];
  });
}

/** NaN if nothing was answered. */
export function pooledQuantile(windows: readonly Measurement[], arm: string, q: number): number {
  const latencies = latenciesOf(windows, arm);
  return latencies === undefined ? Number.NaN : quantile(latencies.distribution, q);
}
