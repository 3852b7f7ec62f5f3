/** The requests of a run, encoded before it: what makes them takes no time of the run. */
import { seededRandom, seedOf } from './random.ts';

/** `cycle`: one after the other, over and over. `random`: each time any of them, by the seed. */
export type RequestOrder = 'cycle' | 'random';

export interface RequestPool {
  /** Encoded messages, one at least. */
  readonly bodies: readonly Buffer[];
  readonly order: RequestOrder;
}

/** Which body each of `count` requests has; the first `warmUp` of them are taken from the end backwards, so that the measured ones begin with the first. */
export function pickRequests(pool: RequestPool, warmUp: number, count: number, seed: number): Uint32Array {
  const size = pool.bodies.length;
  const random = seededRandom(seedOf(seed, 2));
  return Uint32Array.from({ length: count }, (_, i) => {
    if (pool.order === 'random') return Math.floor(random() * size);
    return (((i - warmUp) % size) + size) % size;
  });
}
