import type { Breaker } from '../../root/replicas/breaker.ts';
import { WorkerLoad } from '../../root/replicas/load.ts';
import type { Worker } from '../../root/replicas/worker.ts';

/** A connected worker with every shard, whose leaf calls go to `run`. */
export function modelWorker(id: string, breaker: Breaker, run: Worker['run']): Worker {
  return {
    id,
    address: id,
    zone: undefined,
    weight: 1,
    breaker,
    load: new WorkerLoad(),
    connected: true,
    draining: false,
    state: 'link',
    reason: '',
    serves: () => true,
    run,
    finished() {},
  };
}
