import type { Band, Chart } from '../report/picture/chart.ts';
import { timeline } from '../report/picture/timeline.ts';
import { momentOf } from '../report/run-charts.ts';
import type { Measurement } from './experiment.ts';
import { runsOf } from './latencies.ts';

/** One for each arm that has windows: second by second, all of its windows together. */
export function timelinesOf(
  windows: readonly Measurement[],
  arms: readonly string[],
  bands: readonly Band[],
  name = 'timeline',
): Chart[] {
  return arms.flatMap((arm): Chart[] => {
    const runs = runsOf(windows, arm);
    const first = runs[0];
    if (first === undefined) return [];
    const moments = first.blocks.map((_, i) => momentOf(runs.flatMap((run) => run.blocks[i] ?? [])));
    const last = first.blocks[first.blocks.length - 1]!;
    return [
      timeline(moments, (last.startMs + last.durationMs) / 1000, bands, {
        name: `${name}-${arm}`,
        title: `${arm}, second by second`,
      }),
    ];
  });
}
