/**
 * How long a task takes: lognormal, as service times are, with a slow share on top. Waiting is by timer and takes no CPU, so two cores can
 * play any number of machines.
 */
import { draw } from './draw.ts';

export interface ServiceTime {
  readonly seed: number;
  readonly medianMs: number;
  /** Of the logarithm: 0 is a constant, 0.5 a p99 of 3.2 × the median. */
  readonly sigma: number;
  /** Tasks that take `slowMs` longer: 0.01 is one in a hundred. */
  readonly slowShare: number;
  /** Least and most, evenly between. */
  readonly slowMs: readonly [number, number];
}

/** Depends on request, shard and replica alone. */
export function serviceMs(time: ServiceTime, request: number, shard: number, replica: number): number {
  const { seed, medianMs, sigma, slowShare, slowMs } = time;
  const place = shard * 1024 + replica;
  let ms = medianMs;
  if (sigma > 0) {
    // Box and Muller, 1958.
    const radius = Math.sqrt(-2 * Math.log(1 - draw(seed, request, place, 1)));
    ms *= Math.exp(sigma * radius * Math.cos(2 * Math.PI * draw(seed, request, place, 2)));
  }
  if (slowShare > 0 && draw(seed, request, place, 3) < slowShare) {
    ms += slowMs[0] + draw(seed, request, place, 4) * (slowMs[1] - slowMs[0]);
  }
  return ms;
}

/** What a task takes on average: rate × tasks × this is how many slots are busy. */
export function meanServiceMs({ medianMs, sigma, slowShare, slowMs }: ServiceTime): number {
  return medianMs * Math.exp((sigma * sigma) / 2) + (slowShare * (slowMs[0] + slowMs[1])) / 2;
}
