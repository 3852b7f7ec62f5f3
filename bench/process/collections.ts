/** What V8 collected, and what of the young outlived it. */
import { GCProfiler } from 'node:v8';

export interface Collections {
  readonly scavenges: number;
  /** Of the young generation's bytes before each scavenge: how many were copied or promoted, 0 to 1. */
  readonly survivingShare: number;
  /** Of scavenges, ms: the longest is the last. */
  readonly pausesMs: readonly number[];
}

let profiler: GCProfiler | undefined;

export function collectionsStart(): void {
  profiler = new GCProfiler();
  profiler.start();
}

export function collectionsStop(): Collections {
  if (profiler === undefined) throw new Error('No collections are watched');
  const { statistics } = profiler.stop();
  profiler = undefined;
  const scavenges = statistics.filter(({ gcType }) => gcType === 'Scavenge');
  let before = 0;
  let survived = 0;
  for (const { beforeGC, afterGC } of scavenges) {
    const used = (at: typeof beforeGC, space: string): number =>
      at.heapSpaceStatistics.find(({ spaceName }) => spaceName === space)?.spaceUsedSize ?? 0;
    before += used(beforeGC, 'new_space');
    survived += used(afterGC, 'new_space') + used(afterGC, 'old_space') - used(beforeGC, 'old_space');
  }
  return {
    scavenges: scavenges.length,
    survivingShare: survived / before,
    // µs.
    pausesMs: scavenges.map(({ cost }) => cost / 1000).sort((a, b) => a - b),
  };
}
