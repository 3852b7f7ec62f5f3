/** A worker or a root of the search service in a process of its own, which can be stopped and started again on its port. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { createRoot, type Root } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import { createWorker, type Worker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { openSearchShard, type SearchHandlers } from '../kit/search-shard.ts';

export interface Placed {
  readonly id: string;
  readonly address: string;
  readonly shards: readonly number[];
}

export interface StartWorker {
  readonly kind: 'worker';
  readonly id: string;
  readonly proto: string;
  readonly listen: string;
  readonly shards: readonly number[];
  readonly shardCount: number;
}

export interface StartRoot {
  readonly kind: 'root';
  readonly id: string;
  readonly proto: string;
  readonly listen: string;
  readonly shardCount: number;
  readonly workers: readonly Placed[];
}

const self = fileURLToPath(import.meta.url);

/** A process that comes back: `stop` drains it by SIGTERM, `start` may give it another schema. */
export class Restartable<T extends StartWorker | StartRoot> {
  readonly #t: ExecutionContext;
  #start: T;
  #child: ChildProcess | undefined;

  constructor(t: ExecutionContext, start: T) {
    this.#t = t;
    this.#start = start;
    t.teardown(async () => {
      const child = this.#child;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
  }

  get id(): string {
    return this.#start.id;
  }

  get address(): string {
    return this.#start.listen;
  }

  /** Resolves when it is ready. The first time it takes a free port, later the same one again. */
  async start(proto = this.#start.proto): Promise<void> {
    const child = fork(self, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    child.send({ ...this.#start, proto });
    const [{ listen }] = (await once(child, 'message')) as [{ listen: string }];
    this.#start = { ...this.#start, proto, listen };
  }

  /** SIGTERM, as a rollout does it. The exit code has to be 0. */
  async stop(): Promise<void> {
    const child = this.#child!;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const [code, signal] = await exit;
    this.#t.is(code ?? signal, 0, `${this.id} drains and exits 0`);
  }

  /** Of a root: the states of its links, by worker. */
  async links(): Promise<Record<string, string>> {
    this.#child!.send('links');
    const [links] = (await once(this.#child!, 'message')) as [Record<string, string>];
    return links;
  }
}

async function run(start: StartWorker | StartRoot): Promise<void> {
  const log = createLogger({ level: 'error' });
  if (start.kind === 'worker') {
    const { id, listen, shards, shardCount, proto } = start;
    const worker: Worker = createWorker<SearchHandlers>({
      service: { proto, includeDirs: [fileURLToPath(new URL('../kit', import.meta.url))] },
      open: (shard) => openSearchShard(shard.index),
      ...{ id, listen, shards: [...shards], shardCount, log },
    });
    process.send!({ listen: (await worker.start()).address });
    return;
  }
  const { id, listen, workers, shardCount, proto } = start;
  const root: Root = createRoot({
    plan: compilePlan(loadDescriptors({ proto }), undefined),
    topology: staticTopology({
      epoch: 1,
      shardCount,
      virtualShards: 4096,
      workers: workers.map((worker) => ({ ...worker, weight: 1 })),
    }),
    ...{ id, listen, log },
  });
  process.on('message', () => {
    const status = root.status() as { workers: { id: string; state: string; draining: boolean }[] };
    const links = status.workers.map((worker) => [worker.id, worker.draining ? 'draining' : worker.state]);
    process.send!(Object.fromEntries(links));
  });
  const ready = new Promise<void>((resolve) => {
    root.lifecycle.onChange((state) => {
      if (state === 'ready') resolve();
    });
  });
  const { address } = await root.start();
  if (root.state !== 'ready') await ready;
  process.send!({ listen: address });
}

if (process.send !== undefined && process.argv[1] === self) {
  process.once('message', (start) => run(start as StartWorker | StartRoot));
  process.on('disconnect', () => process.exit(1));
}
