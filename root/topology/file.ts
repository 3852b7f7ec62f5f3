/**
 * A topology in a YAML file that is watched. What is watched is the folder, because editors, `kubectl` and config management replace the file
 * rather than write into it; the file is also read every few seconds, because some file systems tell nothing. A file that can't be used
 * is reported once, after a second look shows that it wasn't only half written, and the last good topology stays.
 */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';
import { type Problem, problemsError } from '../../shared/config/problems.ts';
import { schemaProblems } from '../../shared/config/schema-problems.ts';
import { type TopologyDocument, topologySchema } from '../../shared/config/topology-schema.ts';
import { parseYaml, type YamlDocument } from '../../shared/config/yaml-document.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { type TopologyShape, topologyProblems, toTopology } from './check.ts';
import type { Topology, TopologyProvider } from './topology.ts';

export interface FileTopologyOptions extends TopologyShape {
  readonly file: string;
  /** How the file is called in messages. Default: `file`. */
  readonly name?: string;
  readonly clock?: Clock;
  /** How long after a change the file is read. Default 50 ms: an editor's write and rename are one change. */
  readonly settleMs?: number;
  /** When a file that can't be used is looked at again before it is reported. Default 500 ms. */
  readonly secondLookMs?: number;
  /** Default 5000 ms. */
  readonly pollMs?: number;
}

export interface FileTopologyProvider extends TopologyProvider {
  reload(): Promise<void>;
}

export function fileTopology(options: FileTopologyOptions): FileTopologyProvider {
  return new WatchedFile(options);
}

class WatchedFile implements FileTopologyProvider {
  readonly #options: FileTopologyOptions;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #settleMs: number;
  readonly #secondLookMs: number;
  readonly #pollMs: number;
  #on: (topology: Topology) => void = () => {};
  #onError: (error: RegatherError) => void = () => {};
  #watcher: FSWatcher | undefined;
  #pollTimer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #lookDue = 0;
  #current: { readonly hash: string; readonly topology: Topology } | undefined;
  /** The content last reported as unusable, so that it is reported once. */
  #reported = '';
  /** The content that failed and waits for its second look. */
  #suspect = '';
  /** Reads follow each other: an old content never overtakes a newer one. */
  #reading: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: FileTopologyOptions) {
    this.#options = options;
    this.#name = options.name ?? options.file;
    this.#clock = options.clock ?? systemClock;
    this.#settleMs = options.settleMs ?? 50;
    this.#secondLookMs = options.secondLookMs ?? 500;
    this.#pollMs = options.pollMs ?? 5000;
  }

  async start(on: (topology: Topology) => void, onError: (error: RegatherError) => void): Promise<void> {
    this.#on = on;
    this.#onError = onError;
    // Watching first: a change between the first read and the watch would be lost until the poll.
    this.#watch();
    try {
      await this.reload();
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#pollTimer?.cancel();
    this.#lookTimer?.cancel();
  }

  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const text = await this.#read();
      if (!this.#stopped) this.#take(text);
    });
  }

  #watch(): void {
    if (this.#stopped) return;
    try {
      const watcher = watch(dirname(this.#options.file), { persistent: false }, () =>
        this.#look(this.#settleMs),
      );
      watcher.on('error', () => {
        // The folder went away; the poll goes on and watches again.
        watcher.close();
        if (this.#watcher === watcher) this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }

  #poll(): void {
    if (this.#stopped) return;
    this.#pollTimer = this.#clock.setTimer(() => {
      if (this.#watcher === undefined) this.#watch();
      this.#look(0);
      this.#poll();
    }, this.#pollMs);
  }

  /** Reads after `delayMs` at the latest. A folder that never rests (a log beside the file) can't put it off. */
  #look(delayMs: number): void {
    if (this.#stopped) return;
    const due = this.#clock.now() + delayMs;
    if (this.#lookTimer !== undefined && this.#lookDue <= due) return;
    this.#lookTimer?.cancel();
    this.#lookDue = due;
    this.#lookTimer = this.#clock.setTimer(() => {
      this.#lookTimer = undefined;
      void this.#inTurn(() => this.#lookNow());
    }, delayMs);
  }

  async #lookNow(): Promise<void> {
    let text = '';
    try {
      text = await this.#read();
      if (this.#stopped) return;
      this.#take(text);
      this.#suspect = '';
    } catch (thrown) {
      if (this.#stopped) return;
      const error = RegatherError.from(thrown, 'TOPOLOGY_INVALID');
      const seen = `${text}\u0000${error.message}`;
      if (this.#reported === seen) return;
      if (this.#suspect === seen) {
        this.#reported = seen;
        this.#onError(error);
      } else {
        this.#suspect = seen;
        this.#look(this.#secondLookMs);
      }
    }
  }

  async #read(): Promise<string> {
    try {
      return await readFile(this.#options.file, 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const got = code === 'ENOENT' ? 'no such file' : String((error as Error).message);
      throw new RegatherError('TOPOLOGY_INVALID', `expected a topology, got ${got}`, {
        file: this.#name,
        cause: error,
      });
    }
  }

  #take(text: string): void {
    const hash = createHash('sha256').update(text).digest('base64');
    if (hash === this.#current?.hash) return;
    const topology = this.#parse(text);
    this.#reported = '';
    const same = this.#current !== undefined && sameTopology(this.#current.topology, topology);
    this.#current = { hash, topology };
    // A comment was edited: no new epoch, nobody told.
    if (!same) this.#on(topology);
  }

  #parse(text: string): Topology {
    const yaml = parseYaml(text, this.#name, 'TOPOLOGY_INVALID');
    const parsed = topologySchema.safeParse(yaml.value);
    if (!parsed.success) {
      const place = (path: readonly (string | number)[]) => placeIn(yaml, path);
      throw problemsError(
        'TOPOLOGY_INVALID',
        schemaProblems(parsed.error.issues, yaml.value, topologySchema, place),
      );
    }
    const document = parsed.data;
    const problems = topologyProblems(document, this.#options).map(
      ({ path, message }): Problem => ({ ...placeIn(yaml, path), key: path.join('.'), message }),
    );
    if (problems.length > 0) throw problemsError('TOPOLOGY_INVALID', problems);
    return toTopology(document, this.#options, this.#epochOf(document, yaml));
  }

  #epochOf(document: TopologyDocument, yaml: YamlDocument): number {
    const current = this.#current?.topology;
    if (current === undefined) return document.epoch ?? 1;
    const unchanged = sameTopology(current, toTopology(document, this.#options, current.epoch));
    if (document.epoch === undefined) return unchanged ? current.epoch : current.epoch + 1;
    if (document.epoch > current.epoch || (document.epoch === current.epoch && unchanged))
      return document.epoch;
    const message =
      document.epoch === current.epoch
        ? `expected an epoch above ${current.epoch} for a changed topology, got ${document.epoch}`
        : `expected an epoch of at least ${current.epoch}, got ${document.epoch}`;
    throw problemsError('TOPOLOGY_INVALID', [{ ...placeIn(yaml, ['epoch']), key: 'epoch', message }]);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#reading.then(work);
    this.#reading = done.catch(() => {});
    return done;
  }
}

function placeIn(yaml: YamlDocument, path: readonly (string | number)[]): { file: string; line?: number } {
  const line = yaml.lineOf(path);
  return line === undefined ? { file: yaml.file } : { file: yaml.file, line };
}

/** Equal but for the order in which things were written. */
function sameTopology(a: Topology, b: Topology): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
