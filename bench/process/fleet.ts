/** The worker processes that arms of one kind share, each of them something that the fault kit can break. */
import type { Target } from '../../test/kit/faults/fault.ts';
import { FaultProxy } from '../../test/kit/faults/proxy.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import type { Order, Tally } from '../../test/kit/faults/worker-faults.ts';
import type { Placement } from '../echo/placement.ts';
import { BenchProcess } from './bench-process.ts';
import type { WorkerKind, WorkerSpec } from './worker.ts';

export interface FleetOptions {
  readonly placement: Placement;
  /** What each task takes. Left out: nothing, and workers can't be told to go wrong. */
  readonly serviceTime?: ServiceTime | undefined;
  /** Execution slots of each of Regather's workers. */
  readonly slots?: number | undefined;
  /** Proxies in front of the workers, for faults of the network. Default false. */
  readonly proxied?: boolean | undefined;
}

export class BenchWorker implements Target {
  readonly id: string;
  readonly shards: readonly number[];
  readonly #spec: WorkerSpec;
  readonly #proxied: boolean;
  #process: BenchProcess | undefined;
  #address = '';
  #proxy: FaultProxy | undefined;

  constructor(spec: WorkerSpec, proxied: boolean) {
    this.id = `w${spec.index}`;
    this.shards = spec.shards;
    this.#spec = spec;
    this.#proxied = proxied;
  }

  get address(): string {
    return this.#proxy?.address ?? this.#address;
  }

  get proxy(): FaultProxy | undefined {
    return this.#proxy;
  }

  get process(): BenchProcess {
    if (this.#process === undefined) throw new Error(`worker ${this.id} is not running`);
    return this.#process;
  }

  get pid(): number {
    return this.process.pid;
  }

  async start(): Promise<void> {
    await this.#launch(this.#spec);
    if (!this.#proxied) return;
    this.#proxy = new FaultProxy(this.#address);
    await this.#proxy.start();
  }

  async kill(): Promise<void> {
    const { process } = this;
    this.#process = undefined;
    await process.kill();
  }

  restart(): Promise<void> {
    return this.#launch({ ...this.#spec, listen: this.#address });
  }

  order(order: Order): Promise<void> {
    return this.process.ask('order', order);
  }

  tally(): Promise<Tally> {
    return this.process.ask('tally');
  }

  async close(): Promise<void> {
    await this.#proxy?.close();
  }

  async #launch(spec: WorkerSpec): Promise<void> {
    const process = new BenchProcess(`${spec.kind} worker ${spec.index}`, 'process/worker.ts');
    this.#process = process;
    this.#address = await process.ask<string>('start', spec);
  }
}

/** Stopped with all other processes by `BenchProcess.stopAll`. */
export async function startFleet(kind: WorkerKind, options: FleetOptions): Promise<BenchWorker[]> {
  const { placement, serviceTime, slots, proxied = false } = options;
  const { shardCount } = placement;
  const workers = placement.workers.map(
    (shards, index) => new BenchWorker({ kind, index, shards, shardCount, serviceTime, slots }, proxied),
  );
  await Promise.all(workers.map((worker) => worker.start()));
  return workers;
}
