/** A worker as the policies see it: what they choose by, and the one call that they wrap. A connection is one; so is a simulated worker. */
import type { LeafCall, LeafHandle, LeafSink } from '../../shared/link/leaf-call.ts';
import type { Breaker } from './breaker.ts';
import type { WorkerLoad } from './load.ts';

export interface Worker {
  readonly id: string;
  readonly address: string;
  readonly zone: string | undefined;
  /** How much of a shard's traffic it takes next to the shard's other replicas: 1 is usual. */
  readonly weight: number;
  /** For transport failures. Statuses of tasks belong to replicas. */
  readonly breaker: Breaker;
  readonly load: WorkerLoad;
  /** Calls can be sent now. */
  readonly connected: boolean;
  readonly draining: boolean;
  /** What the connection is, and why it isn't up: for messages. */
  readonly state: string;
  readonly reason: string;
  serves(shard: number): boolean;
  /** Only while `connected`. The one who calls says `finished` at the call's end, and keeps `load`. */
  run(call: LeafCall, sink: LeafSink): LeafHandle;
  finished(): void;
}
