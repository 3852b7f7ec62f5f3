/** How a run is going, from the samples of the last moments. */
import { status } from '@grpc/grpc-js';
import { DROPPED, type SampleBatch, UNFINISHED } from './generate/sample.ts';

export interface Progress {
  /** On the schedule's axis; below 0 it warms up. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Of the samples that came since the last progress: what ended, and what ended well, per second. */
  readonly perSecond: number;
  readonly okPerSecond: number;
  /** Of answers with status OK; NaN without any. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Since the measured part began. */
  readonly ok: number;
  readonly errors: number;
  readonly dropped: number;
  /** Shards answered ÷ expected, of answers since the last progress that told it; NaN without any. */
  readonly coverage: number;
}

export class ProgressMeter {
  readonly #durationMs: number;
  #sinceMs: number;
  #latencies: number[] = [];
  #ended = 0;
  #expected = 0;
  #answered = 0;
  #ok = 0;
  #errors = 0;
  #dropped = 0;

  constructor(startMs: number, durationMs: number) {
    this.#sinceMs = startMs;
    this.#durationMs = durationMs;
  }

  add(batch: SampleBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const code = batch.code[i]!;
      const measured = batch.atMs[i]! >= 0;
      if (code === DROPPED) {
        if (measured) this.#dropped++;
        continue;
      }
      if (code === UNFINISHED) continue;
      this.#ended++;
      this.#expected += batch.shardsExpected[i]!;
      this.#answered += batch.shardsAnswered[i]!;
      if (code === status.OK) {
        this.#latencies.push(batch.latencyUs[i]!);
        if (measured) this.#ok++;
      } else if (measured) this.#errors++;
    }
  }

  take(atMs: number): Progress {
    const seconds = Math.max(1e-3, (atMs - this.#sinceMs) / 1000);
    const sorted = Float64Array.from(this.#latencies).sort();
    const quantile = (q: number): number => (sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN) / 1000;
    const progress: Progress = {
      atMs,
      durationMs: this.#durationMs,
      perSecond: this.#ended / seconds,
      okPerSecond: sorted.length / seconds,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      ok: this.#ok,
      errors: this.#errors,
      dropped: this.#dropped,
      coverage: this.#answered / this.#expected,
    };
    this.#sinceMs = atMs;
    this.#latencies = [];
    this.#ended = 0;
    this.#expected = 0;
    this.#answered = 0;
    return progress;
  }
}
