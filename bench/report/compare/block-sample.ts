/** The blocks of one phase of a run in the form that resampling needs: whatever a metric is, it is a function of how often each block counts. */
import type { Block } from '../../load/run.ts';
import { countsOf, decodeHistogram } from '../histogram.ts';

export interface BlockSample {
  readonly blocks: number;
  /** Rising, ms. */
  readonly valuesMs: Float64Array;
  /** Per block: indices into `valuesMs`, and how often each. */
  readonly bins: readonly Uint32Array[];
  readonly counts: readonly Uint32Array[];
  /** Per block. */
  readonly ok: Float64Array;
  readonly sumMs: Float64Array;
  readonly scheduled: Float64Array;
  readonly durationMs: Float64Array;
}

/** More blocks than this are joined with their neighbours: a day of seconds says no more than its quarters of an hour. */
const mostBlocks = 120;

export function blockSample(blocks: readonly Block[]): BlockSample {
  const joined = Math.ceil(blocks.length / mostBlocks);
  const groups = Array.from({ length: Math.ceil(blocks.length / joined) }, (_, i) =>
    blocks.slice(i * joined, (i + 1) * joined),
  );
  const byValue = groups.map((group) => {
    const counts = new Map<number, number>();
    for (const block of group) {
      const decoded = countsOf(decodeHistogram(block.latency));
      for (const [i, us] of decoded.valuesUs.entries())
        counts.set(us, (counts.get(us) ?? 0) + decoded.counts[i]!);
    }
    return counts;
  });
  const valuesUs = [...new Set(byValue.flatMap((counts) => [...counts.keys()]))].sort((a, b) => a - b);
  const index = new Map(valuesUs.map((us, i) => [us, i]));
  const sum = (of: (block: Block) => number): Float64Array =>
    Float64Array.from(groups, (group) => group.reduce((total, block) => total + of(block), 0));
  return {
    blocks: groups.length,
    valuesMs: Float64Array.from(valuesUs, (us) => us / 1000),
    bins: byValue.map((counts) => Uint32Array.from(counts.keys(), (us) => index.get(us)!)),
    counts: byValue.map((counts) => Uint32Array.from(counts.values())),
    ok: sum((block) => block.ok),
    sumMs: Float64Array.from(byValue, (counts) => {
      let total = 0;
      for (const [us, count] of counts) total += (us / 1000) * count;
      return total;
    }),
    scheduled: sum((block) => block.scheduled),
    durationMs: sum((block) => block.durationMs),
  };
}
