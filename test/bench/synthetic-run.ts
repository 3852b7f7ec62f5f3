/** Load runs with the statistics of real ones, from a seed: seconds resemble their neighbours, stalls come in bursts, tails are long. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { seededRandom } from '../../bench/load/random.ts';
import type { Block, Fault, LoadRun, Phase } from '../../bench/load/run.ts';

export interface Shape {
  readonly seed: number;
  readonly seconds?: number;
  readonly perSecond?: number;
  /** Median latency, ms. */
  readonly medianMs?: number;
  /** How much of a second's slowness the next one has: the coefficient of an AR(1) process. */
  readonly persistence?: number;
  /** Deviation of the seconds' own medians, in logarithms. */
  readonly drift?: number;
  /** Seconds in which the machine stops for a moment, and everything due then waits. */
  readonly stallShare?: number;
  /** Of requests; half of them in bursts. */
  readonly errorShare?: number;
  readonly name?: string;
  /** In place of seconds and perSecond. */
  readonly steps?: readonly { readonly perSecond: number; readonly seconds: number }[];
  readonly faults?: readonly Fault[];
  readonly options?: LoadRun['options'];
  readonly coverage?: number;
}

export function syntheticRun(shape: Shape): LoadRun {
  const random = seededRandom(shape.seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const {
    medianMs = 5,
    persistence = 0.5,
    drift = 0.08,
    stallShare = 0.1,
    errorShare = 0.002,
    coverage,
  } = shape;
  const steps = shape.steps ?? [{ perSecond: shape.perSecond ?? 200, seconds: shape.seconds ?? 30 }];
  const phases: Phase[] = [];
  const blocks: Block[] = [];
  const histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 32,
    numberOfSignificantValueDigits: 3,
  });
  let level = normal();
  let startMs = 0;
  for (const [phase, step] of steps.entries()) {
    phases.push({
      name: `${step.perSecond}/s`,
      startMs,
      durationMs: step.seconds * 1000,
      offeredPerSecond: step.perSecond,
    });
    for (let second = 0; second < step.seconds; second++, startMs += 1000) {
      level = persistence * level + Math.sqrt(1 - persistence ** 2) * normal();
      const scheduled = poisson(step.perSecond, random, normal);
      const stalled = random() < stallShare ? 40 + 60 * random() : 0;
      const burst = random() < 0.05 ? 10 * errorShare : 0.5 * errorShare;
      let failed = 0;
      histogram.reset();
      for (let i = 0; i < scheduled; i++) {
        if (random() < burst) {
          failed++;
          continue;
        }
        const base = medianMs * Math.exp(drift * level + 0.35 * normal());
        const slow = random() < 0.01 ? 6 + 10 * random() : 1;
        const dueMs = 1000 * random();
        const latencyMs = base * slow + (dueMs < stalled ? stalled - dueMs : 0);
        histogram.recordValue(Math.max(1, Math.round(latencyMs * 1000)));
      }
      const latency = encodeIntoCompressedBase64(histogram);
      histogram.reset();
      for (let i = 0; i < scheduled; i++) histogram.recordValue(Math.round(300 * random()));
      const ok = scheduled - failed;
      blocks.push({
        startMs,
        durationMs: 1000,
        phase,
        scheduled,
        ok,
        errors: failed === 0 ? {} : { UNAVAILABLE: failed },
        dropped: 0,
        unfinished: 0,
        partial: 0,
        shardsExpected: coverage === undefined ? 0 : ok * 1000,
        shardsAnswered: coverage === undefined ? 0 : Math.round(ok * 1000 * coverage),
        latency,
        lateness: encodeIntoCompressedBase64(histogram),
      });
    }
  }
  return {
    kind: 'load',
    version: 1,
    name: shape.name ?? 'synthetic',
    machine: {
      cpu: 'none',
      cores: 2,
      memoryGib: 4,
      os: 'none',
      node: 'v26.0.0',
      grpcJs: '1.14.7',
      loadBefore: 0,
    },
    at: '2026-01-02T03:04:05.000Z',
    target: { address: '127.0.0.1:7000', method: 'acme.search.v1.Search/TopK' },
    loop: 'open',
    options: { seed: shape.seed, ...shape.options },
    void: [],
    interrupted: false,
    phases,
    blocks,
    faults: shape.faults ?? [],
  };
}

function poisson(mean: number, random: () => number, normal: () => number): number {
  if (mean > 100) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
  let count = -1;
  for (let left = 1; left > Math.exp(-mean); left *= random()) count++;
  return count;
}
