/** The stretches of time that a run is recorded in. */
import type { Phase } from '../run.ts';

export interface Span {
  readonly startMs: number;
  readonly durationMs: number;
  /** Index in the phases. */
  readonly phase: number;
}

const BLOCK_MS = 1000;
/** A shorter run is cut finer, or a comparison would have nothing to resample. */
const FEWEST = 10;
const SHORTEST_MS = 50;

/** No block crosses the border of two phases. */
export function blockSpans(phases: readonly Phase[]): Span[] {
  const totalMs = phases.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const targetMs = Math.max(SHORTEST_MS, Math.min(BLOCK_MS, totalMs / FEWEST));
  return phases.flatMap(({ startMs, durationMs }, phase) => {
    const count = Math.max(1, Math.round(durationMs / targetMs));
    const each = durationMs / count;
    return Array.from({ length: count }, (_, i) => ({
      startMs: startMs + i * each,
      durationMs: each,
      phase,
    }));
  });
}

/** Those that begin before `endMs`, the last one as long as it got. */
export function cutSpans(spans: readonly Span[], endMs: number): Span[] {
  return spans
    .filter(({ startMs }) => startMs < endMs)
    .map((span) => ({ ...span, durationMs: Math.min(span.durationMs, endMs - span.startMs) }));
}

/** Index of the block that `atMs` is in. Below the first: -1. At or after the end: spans.length. */
export function spanAt(spans: readonly Span[], atMs: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.startMs <= atMs) low = middle + 1;
    else high = middle;
  }
  const last = spans[low - 1];
  if (last === undefined) return -1;
  return atMs < last.startMs + last.durationMs || low < spans.length ? low - 1 : spans.length;
}
