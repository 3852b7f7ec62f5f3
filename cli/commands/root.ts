/** `regather root` */
import { hostname } from 'node:os';
import { createRoot } from '../../root/root.ts';
import { topologyFromConfig } from '../../root/topology/from-config.ts';
import { camelKeys } from '../../shared/config/camel-keys.ts';
import { configView } from '../../shared/config/view.ts';
import { installSignals } from '../../shared/lifecycle/signals.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { type ConfigOptions, flagFor, type JsonOption, openConfig } from '../options.ts';
import type { Exit } from '../program.ts';
import { loadService } from '../service.ts';
import { quietGrpc, startPlaced } from './bind.ts';
import { lifeEvents, onState, stopWithParent, untilStopped } from './life.ts';

export interface RootOptions extends ConfigOptions, JsonOption {
  readonly listen?: string;
  readonly admin?: string;
  readonly id?: string;
  readonly topology?: string;
}

export async function root(positional: string | undefined, options: RootOptions): Promise<Exit> {
  const withParent = stopWithParent();
  const topologyFlag = flagFor('topology.file', options.topology, '--topology');
  const loaded = openConfig(options, positional, [
    flagFor('root.listen', options.listen, '--listen'),
    flagFor('root.admin', options.admin, '--admin'),
    flagFor('root.id', options.id, '--id'),
    topologyFlag === undefined ? undefined : { ...topologyFlag, replaces: 'topology' },
  ]);
  const { config } = loaded;
  const { plan, reducers } = await loadService(loaded);
  const topology = topologyFromConfig(loaded);
  const id = config.root.id ?? `${hostname()}-${process.pid}`;
  const log = createLogger({ level: config.log.level, ring: config.log.ring, fields: { kind: 'root', id } });
  quietGrpc(log);
  const server = createRoot({
    plan,
    topology,
    reducers,
    id,
    log,
    listen: config.root.listen,
    admin: config.root.admin,
    maxConcurrentStreams: config.root.max_concurrent_streams,
    links: !config.root.plain,
    policy: camelKeys(config.root.policy),
    methods: Object.fromEntries(
      Object.entries(config.root.methods).map(([name, policy]) => [name, camelKeys(policy)]),
    ),
    silenceMs: config.root.link.silence_ms,
    connectTimeoutMs: config.root.link.connect_timeout_ms,
    signals: false,
    ...(config.root.zone === undefined ? {} : { zone: config.root.zone }),
    config: () => configView(loaded),
    ...(config.root.max_gather_bytes === undefined ? {} : { maxGatherBytes: config.root.max_gather_bytes }),
    ...(config.admin.token === undefined ? {} : { adminToken: config.admin.token }),
    ...(config.root.tls === undefined ? {} : { tls: config.root.tls }),
    ...(config.root.link.tls === undefined ? {} : { workerTls: config.root.link.tls }),
  });
  const { lifecycle } = server;
  const { event } = lifeEvents('root', options.json === true);
  let bound: { address?: string; admin?: string } | undefined;
  withParent(lifecycle);
  installSignals(lifecycle);
  onState(lifecycle, (state) => {
    // What comes before it listens is told below, or is an error that the caller tells.
    if (bound !== undefined) event(state, state === 'ready' ? bound : {});
  });
  bound = await startPlaced(loaded, () => server.start());
  event('listening', bound);
  if (lifecycle.state === 'ready') event('ready', bound);
  await untilStopped(lifecycle);
  return 0;
}
