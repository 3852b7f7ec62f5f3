/** A root and its workers on this machine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Bound, Child } from './child.ts';

export interface ClusterOptions {
  readonly config: string;
  /** Handed on to root and workers: `--set` and what follows it. */
  readonly settings: readonly string[];
  /** Where the root listens; ports may be 0. */
  readonly root: Bound;
  /** By worker: the shards it hosts. */
  readonly placement: readonly (readonly number[])[];
  readonly onChange: (child: Child) => void;
  readonly onLog: (child: Child, line: string) => void;
}

export interface ClusterWorker {
  readonly child: Child;
  readonly shards: readonly number[];
}

const anyPort = '127.0.0.1:0';

export class Cluster {
  readonly workers: readonly ClusterWorker[];
  readonly root: Child;
  readonly #folder = mkdtempSync(join(tmpdir(), 'regather-up-'));
  #stopping: Promise<void> | undefined;

  constructor(options: ClusterOptions) {
    const { config, settings, onChange, onLog } = options;
    const main = join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`);
    const common = ['--json', '--config', config, ...settings];
    this.workers = options.placement.map((shards, i) => {
      const name = `w${i}`;
      const child = new Child({
        name,
        upEvent: 'ready',
        onChange,
        onLog,
        args: (bound) => [
          ...[main, 'worker', ...common, '--id', name, '--shards', shards.join(',')],
          ...['--listen', bound?.address ?? anyPort, '--admin', bound?.admin ?? anyPort],
        ],
      });
      return { child, shards };
    });
    this.root = new Child({
      name: 'root',
      upEvent: 'listening',
      onChange,
      onLog,
      args: (bound) => [
        ...[main, 'root', ...common, '--id', 'root', '--topology', this.#topologyFile],
        ...[
          '--listen',
          bound?.address ?? options.root.address,
          '--admin',
          bound?.admin ?? options.root.admin,
        ],
      ],
    });
  }

  get children(): readonly Child[] {
    return [this.root, ...this.workers.map(({ child }) => child)];
  }

  /** Workers first: a root knows them by the ports that they got. Rejects with the first error, and has stopped all then. */
  async start(): Promise<void> {
    try {
      const bound = await Promise.all(this.workers.map(({ child }) => child.start()));
      const workers = bound.map(({ address, admin }, i) => {
        const { child, shards } = this.workers[i]!;
        return { id: child.name, address, admin, shards };
      });
      // JSON is YAML.
      writeFileSync(this.#topologyFile, JSON.stringify({ workers }, null, 1));
      await this.root.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The root first, so that every request that it took finds its workers. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.root.stop();
    await Promise.all(this.workers.map(({ child }) => child.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  kill(): void {
    for (const child of this.children) child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #topologyFile(): string {
    return join(this.#folder, 'topology.yaml');
  }
}
