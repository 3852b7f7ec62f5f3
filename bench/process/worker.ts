/** A worker process, hand-written or Regather's, which can be told to go wrong. */
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { type Order, WorkerFaults } from '../../test/kit/faults/worker-faults.ts';
import type { Before } from '../echo/before.ts';
import { serveParent } from './child.ts';

export type WorkerKind = 'by-hand' | 'regather' | 'regather-no-combine';

export interface WorkerSpec {
  readonly kind: WorkerKind;
  /** Tells replicas apart in what is drawn. */
  readonly index: number;
  readonly shards: readonly number[];
  readonly shardCount: number;
  readonly listen?: string;
  /** What each task takes; left out: nothing, and the worker can't be told to go wrong. */
  readonly serviceTime?: ServiceTime | undefined;
  /** Execution slots of Regather's; the hand-written one has no limit. */
  readonly slots?: number | undefined;
}

let faults: WorkerFaults | undefined;

function faultsHere(): WorkerFaults {
  if (faults === undefined) throw new TypeError('Expected a worker with a service time');
  return faults;
}

serveParent({
  start: async ({ kind, index, serviceTime, slots, ...placed }: WorkerSpec) => {
    let before: Before | undefined;
    if (serviceTime !== undefined) {
      const made = new WorkerFaults({ replica: index, serviceTime });
      faults = made;
      before = (request, shard, call) => made.before(request, shard, call);
    }
    if (kind === 'by-hand') return (await import('../peers/worker.ts')).startWorker({ ...placed, before });
    const { startRegatherWorker } = await import('../regather/worker.ts');
    return startRegatherWorker({
      ...placed,
      before,
      slots,
      combine: kind === 'regather' ? 'auto' : 'never',
    });
  },
  order: (order: Order) => faultsHere().order(order),
  tally: () => faultsHere().tally,
});
