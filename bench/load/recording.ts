/** Collects the samples of all generators into the blocks of a run. */
import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { statusName } from '../../shared/errors/status-names.ts';
import { DROPPED, type SampleBatch, UNFINISHED } from './generate/sample.ts';
import type { Block, EncodedHistogram } from './run.ts';
import { cutSpans, type Span, spanAt } from './schedule/blocks.ts';

/** Microseconds; 4 bytes each are less than a histogram's buckets at the rates that a run has, and are encoded once, at the end. */
class Values {
  #values = new Uint32Array(64);
  count = 0;

  add(value: number): void {
    if (this.count === this.#values.length) {
      const larger = new Uint32Array(this.count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.count++] = value;
  }

  recordInto(histogram: Histogram): void {
    for (let i = 0; i < this.count; i++) histogram.recordValue(this.#values[i]!);
  }
}

class Tally {
  readonly latency = new Values();
  readonly lateness = new Values();
  readonly errors = new Map<number, number>();
  samples = 0;
  dropped = 0;
  unfinished = 0;
  partial = 0;
  shardsExpected = 0;
  shardsAnswered = 0;
}

export interface RecordingOptions {
  readonly spans: readonly Span[];
  /** The times of all that is to be sent, ascending; absent in a closed loop, where nobody knows before. */
  readonly times?: Float64Array;
}

export class Recording {
  readonly #spans: readonly Span[];
  readonly #times: Float64Array | undefined;
  readonly #tallies: readonly Tally[];

  constructor({ spans, times }: RecordingOptions) {
    this.#spans = spans;
    this.#times = times;
    this.#tallies = spans.map(() => new Tally());
  }

  add(batch: SampleBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const tally = this.#tallies[spanAt(this.#spans, batch.atMs[i]!)];
      if (tally === undefined) continue;
      tally.samples++;
      const code = batch.code[i]!;
      if (code === DROPPED) {
        tally.dropped++;
        continue;
      }
      if (this.#times !== undefined) tally.lateness.add(batch.lateUs[i]!);
      if (code === UNFINISHED) {
        tally.unfinished++;
        continue;
      }
      const expected = batch.shardsExpected[i]!;
      const answered = batch.shardsAnswered[i]!;
      tally.shardsExpected += expected;
      tally.shardsAnswered += answered;
      if (code !== 0) tally.errors.set(code, (tally.errors.get(code) ?? 0) + 1);
      else {
        tally.latency.add(batch.latencyUs[i]!);
        if (answered < expected) tally.partial++;
      }
    }
  }

  /** Up to `endMs`: what was scheduled later counts as never scheduled. */
  blocks(endMs: number): Block[] {
    const encoder = new Encoder();
    return cutSpans(this.#spans, endMs).map(({ startMs, durationMs, phase }, i): Block => {
      const tally = this.#tallies[i]!;
      const scheduled =
        this.#times === undefined
          ? tally.samples
          : countBelow(this.#times, startMs + durationMs) - countBelow(this.#times, startMs);
      // A generator that died has told nothing of what it had to send.
      const untold = scheduled - tally.samples;
      return {
        startMs,
        durationMs,
        phase,
        scheduled,
        ok: tally.latency.count,
        errors: errorCounts(tally.errors),
        dropped: tally.dropped,
        unfinished: tally.unfinished + untold,
        partial: tally.partial,
        shardsExpected: tally.shardsExpected,
        shardsAnswered: tally.shardsAnswered,
        latency: encoder.encode(tally.latency),
        lateness: encoder.encode(tally.lateness),
      };
    });
  }
}

/** Microseconds up to an hour and beyond, three significant digits. */
export function latencyHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 32,
    numberOfSignificantValueDigits: 3,
  });
}

class Encoder {
  readonly #histogram = latencyHistogram();

  encode(values: Values): EncodedHistogram {
    this.#histogram.reset();
    values.recordInto(this.#histogram);
    return encodeIntoCompressedBase64(this.#histogram);
  }
}

function errorCounts(errors: ReadonlyMap<number, number>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [code, count] of [...errors].sort(([a], [b]) => a - b)) {
    const name = statusName(code);
    counts[name] = (counts[name] ?? 0) + count;
  }
  return counts;
}

/** How many of the ascending `times` are below `limit`. */
function countBelow(times: Float64Array, limit: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
