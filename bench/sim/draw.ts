/** Service times and arrivals, drawn from a seeded source. */
import type { Random } from '../load/random.ts';

/** Around a median, with a tail to the right; sigma 0.2 spreads the middle two thirds by ± 20 %. */
export function logNormal(medianMs: number, sigma: number, random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return medianMs * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random()));
}

/** Between events that come at random, at so many per ms. */
export function exponential(perMs: number, random: Random): number {
  return -Math.log(1 - random()) / perMs;
}

/** One way of a message between machines, and what event loops take to send and to read it: 0.2 ms on average. */
export function wireMs(random: Random): number {
  return 0.1 + exponential(10, random);
}

/** One way of a message between processes of one machine that have nothing else to do, as measured: 0.1 ms on average. */
export function loopbackMs(random: Random): number {
  return 0.05 + exponential(20, random);
}
