/** One run of a preset under one set of policies. The same seed makes the same run, on any machine. */
import { status } from '@grpc/grpc-js';
import type { PolicyOptions } from '../../root/policy.ts';
import { seededRandom, seedOf } from '../load/random.ts';
import { VirtualClock } from './clock.ts';
import { SimCluster } from './cluster.ts';
import { exponential, wireMs } from './draw.ts';
import { freeMachine } from './machine.ts';
import type { Preset } from './presets.ts';
import { spread } from './spread.ts';

export interface SimResult {
  /** Of answers with status OK after the warm-up, ms, ascending. */
  readonly latencies: Float64Array;
  readonly requests: number;
  readonly failed: number;
  /** First attempts, and what was sent on top of them, of tasks. */
  readonly primaries: number;
  readonly extra: number;
  /** By the second in which they were asked: requests that were answered in the end, and all. */
  readonly goodput: readonly number[];
  readonly offered: readonly number[];
}

/** What needs samples has them after this. */
const WARM_UP_MS = 3000;

export async function simulate(preset: Preset, policy: PolicyOptions, seed: number): Promise<SimResult> {
  const clock = new VirtualClock();
  // One source each, so that arms meet the same arrivals.
  const [arrivals, services, choices, faults] = [0, 1, 2, 3].map((index) =>
    seededRandom(seedOf(seed, index)),
  );
  const workers = Math.max(1, Math.round(preset.shards / preset.shardsPerWorker));
  const cluster = new SimCluster({
    placement: spread(preset.shards, workers, preset.replicas),
    timeoutMs: preset.timeoutMs,
    policy,
    model: {
      slots: preset.slots,
      queue: preset.queue,
      serviceMs: () => preset.serviceMs(services!),
      wireMs: () => wireMs(services!),
    },
    machine: freeMachine(),
    clock,
    random: choices!,
  });
  preset.faults?.(cluster, preset.seconds, faults!);
  const endMs = preset.seconds * 1000;
  const perMs = (preset.load * preset.slots * workers) / (preset.meanMs * preset.shards);
  const latencies: number[] = [];
  const goodput = new Array<number>(preset.seconds).fill(0);
  const offered = new Array<number>(preset.seconds).fill(0);
  let requests = 0;
  let failed = 0;

  let asked = 0;
  const ask = (askedAt: number, retries: number): void => {
    const sentAt = clock.now();
    cluster.ask(asked++, (code) => {
      if (code !== status.OK && retries > 0) {
        clock.setTimer(() => ask(askedAt, retries - 1), 0);
        return;
      }
      const measured = askedAt >= WARM_UP_MS;
      if (code === status.OK) {
        goodput[Math.floor(askedAt / 1000)]!++;
        if (measured) latencies.push(clock.now() - sentAt);
      } else if (measured) failed++;
    });
  };
  const arrive = (): void => {
    const now = clock.now();
    offered[Math.floor(now / 1000)]!++;
    if (now >= WARM_UP_MS) requests++;
    ask(now, preset.clientRetries);
    const next = now + exponential(perMs, arrivals!);
    if (next < endMs) clock.at(next, arrive);
  };
  clock.at(0, arrive);
  await clock.run(endMs + (1 + preset.clientRetries) * preset.timeoutMs);
  cluster.close();
  return {
    latencies: Float64Array.from(latencies).sort(),
    requests,
    failed,
    primaries: cluster.primaries,
    extra: cluster.extra,
    goodput,
    offered,
  };
}

export function quantileOf(sorted: Float64Array, quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? Number.NaN;
}

/** Whole seconds after `overAt` until nine in ten of what is asked in a second is answered, and stays so. */
export function recoverySeconds({ goodput, offered }: SimResult, overAt: number): number {
  let recovered = goodput.length;
  for (let second = goodput.length - 1; second >= overAt; second--) {
    if (goodput[second]! < 0.9 * offered[second]!) break;
    recovered = second;
  }
  return recovered - overAt;
}
