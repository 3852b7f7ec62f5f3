/** Workers of the suites' search service that the kit can break. Each is also what `startRoot` of cluster.ts takes. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { WorkerStart } from '../../../shard/options.ts';
import type { RunningWorker } from '../cluster.ts';
import type { Target } from './fault.ts';
import type { Ask, Reply } from './faulty-search-worker.ts';
import type { NetworkNamespace } from './namespace.ts';
import { FaultProxy } from './proxy.ts';
import type { ServiceTime } from './service-time.ts';
import type { Order, Tally } from './worker-faults.ts';

const workerFile = fileURLToPath(new URL('faulty-search-worker.ts', import.meta.url));

export interface FaultyWorkerOptions extends WorkerStart {
  /** Tells replicas of a shard apart in what is drawn. Default 0. */
  readonly replica?: number;
  /** Default: handlers take no time of their own. */
  readonly serviceTime?: ServiceTime;
  /** A proxy in front of it, for faults of the network. Default false. */
  readonly proxied?: boolean;
  /** Where its process runs. Default: here. */
  readonly namespace?: NetworkNamespace;
}

/** Of its /statusz. */
export interface WorkerStatus {
  readonly links: number;
  readonly calls: number;
  readonly tasks: { readonly running: number; readonly waiting: number };
}

/** Killed when the test ends. */
export async function startFaultyWorker(
  t: ExecutionContext,
  id: string,
  options: FaultyWorkerOptions,
): Promise<SearchTarget> {
  const target = new SearchTarget(id, options);
  t.teardown(() => target.close());
  await target.start();
  return target;
}

export class SearchTarget implements Target, RunningWorker {
  readonly id: string;
  readonly shards: readonly number[];
  readonly #options: FaultyWorkerOptions;
  #child: ChildProcess | undefined;
  #address = '';
  #proxy: FaultProxy | undefined;
  #lastAsk = 0;
  readonly #asked = new Map<number, { resolve: (reply: never) => void; reject: (error: Error) => void }>();

  constructor(id: string, options: FaultyWorkerOptions) {
    this.id = id;
    this.#options = options;
    this.shards = options.shards ?? [0];
  }

  get address(): string {
    return this.#proxy?.address ?? this.#address;
  }

  get proxy(): FaultProxy | undefined {
    return this.#proxy;
  }

  get pid(): number {
    return this.#running().pid!;
  }

  async start(): Promise<void> {
    await this.#fork(this.#options.listen ?? `${this.#options.namespace?.worker ?? '127.0.0.1'}:0`);
    if (this.#options.proxied !== true) return;
    this.#proxy = new FaultProxy(this.#address);
    await this.#proxy.start();
  }

  async kill(): Promise<void> {
    const child = this.#running();
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** `proto`: of another version of the service. */
  restart(proto?: string): Promise<void> {
    return this.#fork(this.#address, proto);
  }

  order(order: Order): Promise<void> {
    return this.#ask({ order });
  }

  tally(): Promise<Tally> {
    return this.#ask({ tally: true });
  }

  counts(): Promise<{ started: number; aborted: number; finished: number }> {
    return this.#ask({ counts: true });
  }

  status(): Promise<WorkerStatus> {
    return this.#ask({ status: true });
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await this.kill();
    await this.#proxy?.close();
  }

  async #fork(listen: string, proto?: string): Promise<void> {
    const { replica = 0, serviceTime, proxied: _, namespace, ...start } = this.#options;
    const child = fork(workerFile, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...namespace?.execution,
    });
    child.on('message', (reply: Reply) => this.#replied(reply));
    child.on('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      const error = new Error(`worker ${this.id} ended (${signal ?? code})`);
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    });
    this.#child = child;
    this.#address = await this.#ask({
      start: { id: this.id, ...start, listen, proto, faults: { replica, serviceTime } },
    });
  }

  #ask<T>(ask: DistributiveOmit<Ask, 'id'>): Promise<T> {
    const child = this.#running();
    const id = ++this.#lastAsk;
    return new Promise<T>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      child.send({ ...ask, id });
    });
  }

  #replied({ id, reply, error }: Reply): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error === undefined) asked?.resolve(reply as never);
    else asked?.reject(new Error(`worker ${this.id}: ${error}`));
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new Error(`worker ${this.id} is not running`);
    return this.#child;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
