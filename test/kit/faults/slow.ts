import type { Fault } from './fault.ts';
import { ordered } from './ordered.ts';

/** Every task takes `factor` × its service time. On all workers: the latency shift of a bad rollout. `shards`: only of those replicas. */
export function slow(factor: number, shards?: readonly number[]): Fault {
  return ordered(`slow × ${factor}`, 'late', { kind: 'slow', factor, shards });
}
