/** `regather up`: a whole cluster on this machine from one config. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { logLevels } from '../../shared/log/logger.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { type ConfigOptions, defaultConfig, type JsonOption, openConfig, wholeNumber } from '../options.ts';
import type { Exit } from '../program.ts';
import { loadService } from '../service.ts';
import type { Child } from '../up/child.ts';
import { Cluster } from '../up/cluster.ts';
import { defaultWorkers, placeShards } from '../up/placement.ts';
import { jsonScreen, type Screen, terminalScreen } from '../up/screen.ts';

export interface UpOptions extends ConfigOptions, JsonOption {
  readonly workers?: string;
  readonly logLevel?: string;
}

export async function up(positional: string | undefined, options: UpOptions): Promise<Exit> {
  const loaded = openConfig(options, positional);
  const { config, sources } = loaded;
  if (config.shards === undefined) {
    throw loaded.error('shards.count', 'expected the number of shards, got nothing');
  }
  if (config.worker.module === undefined)
    throw loaded.error('worker.module', 'expected a module, got nothing');
  // Whatever is wrong with the schema is said once, here, rather than by every child.
  const { plan } = await loadService(loaded);
  const { count, replicas } = config.shards;
  const workers =
    options.workers === undefined
      ? defaultWorkers(count, replicas)
      : wholeNumber('--workers', options.workers, 1, 256);
  const placement = placeShards(count, replicas, workers);

  const onTerminal = process.stdout.isTTY === true && options.json !== true;
  const screen = onTerminal
    ? terminalScreen(
        (text) => process.stdout.write(text),
        () => process.stdout.columns ?? 80,
      )
    : jsonScreen();
  const free = (key: 'listen' | 'admin'): string =>
    sources.get(`root.${key}`) === 'default' ? '127.0.0.1:0' : config.root[key];

  const cluster: Cluster = new Cluster({
    config: loaded.file,
    settings: settingsOf(options, onTerminal),
    root: { address: free('listen'), admin: free('admin') },
    placement,
    onLog: (child, line) => screen.log(child, line),
    onChange: (child) => {
      screen.changed(cluster, child);
      if (child === cluster.root && child.state === 'ready') whenReady();
    },
  });
  let announced = false;
  const whenReady = (): void => {
    if (announced || cluster.root.bound === undefined) return;
    announced = true;
    screen.ready(cluster, howToCall(loaded.file, cluster.root, plan.methods));
  };
  return runUntilStopped(cluster, screen);
}

/** Until Ctrl-C, SIGTERM or a start that fails. */
async function runUntilStopped(cluster: Cluster, screen: Screen): Promise<Exit> {
  let signals = 0;
  let stop: (exit: Exit) => void = () => {};
  const stopped = new Promise<Exit>((resolve) => {
    stop = resolve;
  });
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) {
      cluster.kill();
      stop(1);
      return;
    }
    screen.say('Draining: the root first, then the workers. Once more to kill them.');
    cluster.stop().then(
      () => stop(0),
      () => stop(1),
    );
  };
  const lastResort = (): void => cluster.kill();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  process.on('exit', lastResort);
  try {
    await cluster.start();
    return await stopped;
  } catch (error) {
    // Stopped while it was starting: that isn't a failure.
    if (signals > 0) return await stopped;
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    process.off('SIGHUP', onSignal);
    process.off('exit', lastResort);
  }
}

function settingsOf(options: UpOptions, onTerminal: boolean): string[] {
  const settings = (options.set ?? []).flatMap((one) => ['--set', one]);
  const { logLevel } = options;
  if (logLevel !== undefined && !(logLevels as readonly string[]).includes(logLevel)) {
    throw new RegatherError(
      'USAGE',
      `--log-level: expected one of ${logLevels.join(', ')}, got "${logLevel}"`,
    );
  }
  const level = logLevel ?? (onTerminal ? 'warn' : undefined);
  return level === undefined ? settings : [...settings, '--set', `log.level=${level}`];
}

function howToCall(config: string, root: Child, methods: readonly MethodPlan[]): string[] {
  const { address, admin } = root.bound!;
  const served = methods.filter((method) => method.scatter.to !== 'NONE');
  const name = served[0]?.name ?? 'Method';
  const option = config === defaultConfig ? '' : ` --config ${config}`;
  return [
    `The root serves ${served.map((method) => method.name).join(', ')} on ${address}; its admin port is http://${admin}`,
    `  regather call ${name} '{}' --address ${address}`,
    `  regather shards --admin ${admin}`,
    `  regather check${option === '' ? '' : ` ${config}`}`,
    `  curl http://${admin}/metrics`,
    'Ctrl-C drains all.',
  ];
}
