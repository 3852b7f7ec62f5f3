/** What a stretch of a load run comes to. */
import type { JsHistogram } from 'hdr-histogram-js';
import type { Block } from '../load/run.ts';
import { addHistograms } from './histogram.ts';

export const quantiles = { p50: 50, p90: 90, p99: 99, 'p99.9': 99.9 } as const;
export type QuantileName = keyof typeof quantiles;

export interface Summary {
  readonly durationMs: number;
  readonly scheduled: number;
  readonly ok: number;
  readonly dropped: number;
  readonly unfinished: number;
  readonly partial: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly offeredPerSecond: number;
  readonly okPerSecond: number;
  /** What wasn't answered with OK, of what was scheduled: 0 to 1. */
  readonly errorShare: number;
  /** Shards answered of shards expected, over all answers that told; undefined if none did. */
  readonly coverage: number | undefined;
  /** Of answers with status OK; undefined if there was none. */
  readonly latencyMs: (Readonly<Record<QuantileName, number>> & LatencyEnds) | undefined;
  /** Of sends, at p99; undefined in a closed loop. */
  readonly latenessP99Ms: number | undefined;
}

interface LatencyEnds {
  readonly mean: number;
  readonly max: number;
}

export function summarize(blocks: readonly Block[]): Summary {
  const sum = (of: (block: Block) => number): number => blocks.reduce((total, block) => total + of(block), 0);
  const durationMs = sum((block) => block.durationMs);
  const scheduled = sum((block) => block.scheduled);
  const ok = sum((block) => block.ok);
  const expected = sum((block) => block.shardsExpected);
  const errors: Record<string, number> = {};
  for (const block of blocks) {
    for (const [status, count] of Object.entries(block.errors))
      errors[status] = (errors[status] ?? 0) + count;
  }
  const lateness = addHistograms(blocks.map((block) => block.lateness));
  return {
    durationMs,
    scheduled,
    ok,
    dropped: sum((block) => block.dropped),
    unfinished: sum((block) => block.unfinished),
    partial: sum((block) => block.partial),
    errors,
    offeredPerSecond: perSecond(scheduled, durationMs),
    okPerSecond: perSecond(ok, durationMs),
    errorShare: scheduled === 0 ? 0 : 1 - ok / scheduled,
    coverage: expected === 0 ? undefined : sum((block) => block.shardsAnswered) / expected,
    latencyMs: latencyOf(addHistograms(blocks.map((block) => block.latency))),
    latenessP99Ms:
      lateness === undefined || lateness.totalCount === 0
        ? undefined
        : lateness.getValueAtPercentile(99) / 1000,
  };
}

export function perSecond(count: number, durationMs: number): number {
  return durationMs === 0 ? 0 : (count * 1000) / durationMs;
}

function latencyOf(histogram: JsHistogram | undefined): Summary['latencyMs'] {
  if (histogram === undefined || histogram.totalCount === 0) return undefined;
  const at = (name: QuantileName): number => histogram.getValueAtPercentile(quantiles[name]) / 1000;
  return {
    p50: at('p50'),
    p90: at('p90'),
    p99: at('p99'),
    'p99.9': at('p99.9'),
    mean: histogram.mean / 1000,
    max: histogram.maxValue / 1000,
  };
}
