/** What `npm start` does, step by step. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster } from '../../cli/up/cluster.ts';
import { placeShards } from '../../cli/up/placement.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { FlightsClient } from './client.ts';
import { DataError } from './data-error.ts';
import { showProgress } from './progress.ts';
import { queries, show } from './queries.ts';
import { flightsFolder, flightsSource } from './source.ts';
import { formatCount } from './table.ts';

export interface ExampleOptions {
  /** Exit after the answers. */
  readonly once: boolean;
  /** Where the root listens. Default: as regather.yaml says; with `once` any free port. */
  readonly listen?: string;
  readonly admin?: string;
}

const workers = 4;
const config = fileURLToPath(new URL('regather.yaml', import.meta.url));
const anyPort = '127.0.0.1:0';

/** From the start of the processes until every shard has a worker. */
const readyTimeoutMs = 60_000;

/** Resolves to the exit code once everything it has started is gone. Throws DataError and RegatherError. */
export async function runExample(options: ExampleOptions): Promise<number> {
  const startedAt = performance.now();
  const { shards, root } = loadConfig(config).config;
  const { count, replicas } = shards!;
  await cut(count);

  const example = new RunningCluster(count, replicas, {
    address: options.listen ?? (options.once ? anyPort : root.listen),
    admin: options.admin ?? (options.once ? anyPort : root.admin),
  });
  try {
    const address = await example.start();
    say(`Up: a root at ${address}, ${workers} workers, ${count} shards with ${replicas} replicas each`);
    await ask(address);
    say(`\n${seconds(startedAt)} in all`);
    if (options.once) return 0;
    say(`\n${howToGoOn(address, example.cluster.root.bound!.admin)}`);
    await example.stopped;
    return 0;
  } catch (error) {
    // Ctrl-C in the middle of it: what was cut short by it is no error.
    if (example.signalled) return 130;
    throw error;
  } finally {
    await example.stop();
  }
}

/** Makes the shards' files, unless they are there. */
async function cut(shards: number): Promise<void> {
  const { partition } = await import('./partition.ts');
  const startedAt = performance.now();
  const { manifest, made, folder } = await partition({
    source: flightsSource(),
    folder: flightsFolder(),
    shards,
    onProgress: showProgress('Partitioning', process.stderr),
  });
  const flights = `${formatCount(manifest.source.rows)} flights in ${shards} shards`;
  const how = made
    ? `partitioned in ${seconds(startedAt)} into ${relative('.', folder)}`
    : `as partitioned before, and intact`;
  say(`${flights}, ${how}`);
}

/** The processes, and what ends them: `stop`, or Ctrl-C. */
class RunningCluster {
  readonly cluster: Cluster;
  /** Resolves when everything is gone. */
  readonly stopped: Promise<void>;
  signalled = false;
  #resolveStopped: () => void = () => {};
  #ready: (() => void) | undefined;

  constructor(shards: number, replicas: number, root: { address: string; admin: string }) {
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.cluster = new Cluster({
      config,
      settings: ['--set', 'log.level=warn'],
      root,
      placement: placeShards(shards, replicas, workers),
      onLog: (_child, line) => process.stderr.write(`${line}\n`),
      onChange: (child) => {
        if (child.state === 'restarting') {
          process.stderr.write(`${child.name}: ${child.failure?.message ?? 'ended'}; it is started again\n`);
        }
        if (child.name === 'root' && child.state === 'ready') this.#ready?.();
      },
    });
  }

  /** Resolves to the root's address when every shard has a worker. */
  async start(): Promise<string> {
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
    process.on('exit', this.#onExit);
    const ready = new Promise<void>((resolve) => {
      this.#ready = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DataError(this.#whyNotReady())), readyTimeoutMs);
    });
    try {
      await Promise.race([this.cluster.start().then(() => ready), late, this.stopped]);
    } finally {
      clearTimeout(timer);
    }
    if (this.signalled) throw new Error('Stopped while starting');
    return this.cluster.root.bound!.address;
  }

  #whyNotReady(): string {
    const late = this.cluster.children.filter(({ state }) => state !== 'ready');
    const states = late.map(({ name, state, failure }) => `${name} is ${failure?.message ?? state}`);
    return `Not ready within ${readyTimeoutMs / 1000} s: ${states.join(', ')}`;
  }

  /** Drains the root, then the workers. Idempotent. */
  async stop(): Promise<void> {
    await this.cluster.stop();
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    process.off('exit', this.#onExit);
    this.#resolveStopped();
  }

  readonly #onSignal = (): void => {
    if (this.signalled) {
      this.cluster.kill();
      process.exit(130);
    }
    this.signalled = true;
    process.stderr.write('\nDraining. Once more to kill.\n');
    void this.stop();
  };

  readonly #onExit = (): void => this.cluster.kill();
}

async function ask(address: string): Promise<void> {
  const client = new FlightsClient(address);
  try {
    await client.ready(5_000);
    for (const query of queries) say(`\n${await show(client, query)}`);
  } finally {
    client.close();
  }
}

function howToGoOn(address: string, admin: string): string {
  const regather = 'npm run --silent regather --';
  return `It stays up. In another terminal:
  ${regather} call Summary '{"groupBy":"DESTINATION","order":"delay_avg desc","limit":5}' --address ${address}
  ${regather} call Worst '{"filter":{"origin":"SFO","from":"2001-02-14","until":"2001-02-15"},"limit":3}' --address ${address}
  ${regather} call Get '{"id":"0"}' --address ${address}
  ${regather} shards --admin ${admin}
  ${regather} check examples/flights/regather.yaml
  curl http://${admin}/metrics
Ctrl-C drains it all.`;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
