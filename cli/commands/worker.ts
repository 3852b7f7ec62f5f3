/** `regather worker` */
import { hostname } from 'node:os';
import { topologyFromConfig } from '../../root/topology/from-config.ts';
import type { Topology } from '../../root/topology/topology.ts';
import type { Worker, WorkerStart } from '../../shard/worker.ts';
import type { LoadedConfig } from '../../shared/config/load.ts';
import { configView } from '../../shared/config/view.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { type ConfigOptions, flagFor, type JsonOption, openConfig } from '../options.ts';
import type { Exit } from '../program.ts';
import { loadModule, loadReducers } from '../service.ts';
import { quietGrpc, startPlaced } from './bind.ts';
import { lifeEvents, onState, stopWithParent, untilStopped } from './life.ts';

export interface WorkerCommandOptions extends ConfigOptions, JsonOption {
  readonly module?: string;
  readonly listen?: string;
  readonly admin?: string;
  readonly id?: string;
  readonly shards?: string;
}

export async function worker(positional: string | undefined, options: WorkerCommandOptions): Promise<Exit> {
  const withParent = stopWithParent();
  const loaded = openConfig(options, positional, [
    flagFor('worker.module', options.module, '--module'),
    flagFor('worker.listen', options.listen, '--listen'),
    flagFor('worker.admin', options.admin, '--admin'),
    flagFor('worker.id', options.id, '--id'),
    flagFor('worker.shards', options.shards, '--shards'),
  ]);
  const { config } = loaded;
  if (config.shards === undefined) {
    throw loaded.error('shards.count', 'expected the number of shards, got nothing');
  }
  const { id, shards } = await placeOf(loaded);
  const log = createLogger({
    level: config.log.level,
    ring: config.log.ring,
    fields: { kind: 'worker', id },
  });
  quietGrpc(log);
  const start: WorkerStart = {
    id,
    shards,
    log,
    shardCount: config.shards.count,
    listen: config.worker.listen,
    admin: config.worker.admin,
    adminToken: config.admin.token,
    tls: config.worker.tls,
    concurrency: config.worker.concurrency,
    queue: config.worker.queue,
    combine: config.worker.combine,
    config: () => configView(loaded),
    ...(config.reducers === undefined ? {} : { reducers: await loadReducers(loaded) }),
  };
  const hosted = await openModule(loaded, start);
  const { event } = lifeEvents('worker', options.json === true);
  const { lifecycle } = hosted;
  withParent(lifecycle);
  const bound = { ...(await startPlaced(loaded, () => hosted.start(start))), id, shards };
  event('ready', bound);
  onState(lifecycle, (state) => event(state, state === 'ready' ? bound : {}));
  await untilStopped(lifecycle);
  return 0;
}

/** Who it is and what it hosts: as the config says, else as the topology says of its id or address, else everything. */
async function placeOf(loaded: LoadedConfig): Promise<{ id: string; shards: readonly number[] }> {
  const { worker, shards, topology } = loaded.config;
  const all = Array.from({ length: shards!.count }, (_, shard) => shard);
  const fallback = worker.id ?? `${hostname()}-${process.pid}`;
  if (worker.shards !== undefined || topology === undefined) {
    return { id: fallback, shards: worker.shards ?? all };
  }
  const { workers } = await firstTopology(loaded);
  const own =
    worker.id === undefined
      ? workers.find(({ address }) => address === worker.listen)
      : workers.find(({ id }) => id === worker.id);
  if (own !== undefined) return { id: own.id, shards: own.shards };
  const ids = workers.map(({ id }) => id).join(', ');
  const message =
    worker.id === undefined
      ? `expected a worker of the topology with address ${worker.listen}, or worker.id or worker.shards; it has ${ids}`
      : `expected a worker of the topology (${ids}) or worker.shards, got ${JSON.stringify(worker.id)}`;
  throw loaded.error('worker.id', message);
}

function firstTopology(loaded: LoadedConfig): Promise<Topology> {
  return new Promise((resolve, reject) => {
    const provider = topologyFromConfig(loaded);
    provider.start(resolve, () => {}).then(() => provider.stop(), reject);
  });
}

/** The module's default export: a worker that wasn't started, or a function that makes one. */
async function openModule(loaded: LoadedConfig, start: WorkerStart): Promise<Worker> {
  const path = loaded.config.worker.module;
  if (path === undefined) throw loaded.error('worker.module', 'expected a module, got nothing');
  const exported = (await loadModule(loaded, 'worker.module', path)).default;
  if (exported === undefined) {
    throw loaded.error('worker.module', 'expected a default export (a worker), got none', 'MODULE_INVALID');
  }
  let made: unknown = exported;
  if (typeof exported === 'function') {
    try {
      made = await (exported as (start: WorkerStart) => unknown)(start);
    } catch (error) {
      if (error instanceof RegatherError) throw error;
      const message = `its function failed: ${error instanceof Error ? error.message : String(error)}`;
      throw loaded.error('worker.module', message, 'MODULE_INVALID');
    }
  }
  if (isWorker(made)) return made;
  const message = 'expected the default export to be a worker (createWorker) or a function that returns one';
  throw loaded.error('worker.module', message, 'MODULE_INVALID');
}

/** By its looks: the module may have its own copy of this package. */
function isWorker(value: unknown): value is Worker {
  if (typeof value !== 'object' || value === null) return false;
  const { start, lifecycle } = value as { start?: unknown; lifecycle?: unknown };
  return typeof start === 'function' && typeof lifecycle === 'object';
}
