/**
 * One supervised process of a local cluster: started, listened to, restarted with backoff when it crashes, stopped. It is in a process
 * group of its own, so that Ctrl-C reaches `up` alone, which then drains root and workers in order; it stops by itself when the channel
 * to `up` closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { codes, type ErrorCode } from '../../shared/errors/codes.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { type Backoff, doublingBackoff } from './backoff.ts';

export type ChildState =
  | 'waiting'
  | 'starting'
  | 'listening'
  | 'ready'
  | 'draining'
  | 'saving'
  | 'restarting'
  | 'stopped';

export interface ChildOptions {
  readonly name: string;
  /** The command line of the next start; `address` and `admin` are what the last one was bound to. */
  readonly args: (bound: Bound | undefined) => readonly string[];
  /** The event that says it is up: its first one resolves `start`. */
  readonly upEvent: 'ready' | 'listening';
  readonly onChange: (child: Child) => void;
  /** A line of its log. */
  readonly onLog: (child: Child, line: string) => void;
  readonly backoff?: Backoff;
  /** How long after it has said that it is stopped its process may take to end before it is killed, ms. Default 2000. */
  readonly lingerMs?: number;
}

export interface Bound {
  readonly address: string;
  readonly admin: string;
}

interface ChildEvent {
  readonly event: string;
  readonly address?: string;
  readonly admin?: string;
  readonly code?: string;
  readonly message?: string;
}

/**
 * What has stopped has only to end, but Node may wait for its own compiler threads then, which wait for a main thread that collects no garbage any
 * more (nodejs/node#54918): such a process stays for ever.
 */
const LINGER_MS = 2000;

const ownStates: ReadonlySet<string> = new Set(['listening', 'ready', 'draining', 'saving', 'stopped']);

export class Child {
  readonly name: string;
  state: ChildState = 'waiting';
  bound: Bound | undefined;
  restarts = 0;
  /** Why the last one ended, if it wasn't asked to. */
  failure: RegatherError | undefined;
  readonly #options: ChildOptions;
  readonly #backoff: Backoff;
  #process: ChildProcess | undefined;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #stopping = false;
  /** It has been up once: from then on it is restarted. */
  #everUp = false;
  #settle: { resolve: (bound: Bound) => void; reject: (error: RegatherError) => void } | undefined;
  #gone: (() => void)[] = [];

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#backoff = options.backoff ?? doublingBackoff();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when it is up for the first time; rejects with its own error if it ends before. */
  start(): Promise<Bound> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#spawn();
    });
  }

  /** SIGTERM: drains and ends. Resolves when it is gone. */
  stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const running = this.#process;
    if (running === undefined) {
      this.#enter('stopped');
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#gone.push(resolve);
      running.kill('SIGTERM');
    });
  }

  /** SIGKILL, now. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#process?.kill('SIGKILL');
  }

  #spawn(): void {
    this.#startedAt = performance.now();
    const args = [...process.execArgv, ...this.#options.args(this.bound)];
    const started = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#process = started;
    this.#enter('starting');
    const { stdout, stderr } = started;
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#out(line));
    if (stderr !== null) createInterface({ input: stderr }).on('line', (line) => this.#err(line));
    started.on('error', (error) => {
      this.failure = new RegatherError('INTERNAL', `${this.name}: ${error.message}`, { cause: error });
    });
    // `close`, not `exit`: by then everything that it has said was read.
    started.on('close', (code, signal) => this.#ended(code, signal));
  }

  #out(line: string): void {
    const event = parseEvent(line);
    if (event === undefined) {
      this.#options.onLog(this, line);
      return;
    }
    if (!ownStates.has(event.event)) return;
    const { address, admin } = event;
    if (address !== undefined && admin !== undefined) this.bound = { address, admin };
    if (event.event === this.#options.upEvent && this.bound !== undefined) {
      this.#everUp = true;
      this.failure = undefined;
      this.#settle?.resolve(this.bound);
      this.#settle = undefined;
    }
    // A root that became ready while it was binding says so before it says where it listens.
    if (event.event === 'listening' && this.state === 'ready') return;
    if (event.event === 'stopped') this.#linger();
    this.#enter(event.event as ChildState);
  }

  #linger(): void {
    const { lingerMs = LINGER_MS } = this.#options;
    this.#lingering ??= setTimeout(() => this.#process?.kill('SIGKILL'), lingerMs);
  }

  #err(line: string): void {
    const event = parseEvent(line);
    if (event?.event === 'error' && event.code !== undefined && event.code in codes) {
      this.failure = new RegatherError(event.code as ErrorCode, event.message ?? '');
    } else this.#options.onLog(this, line);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#process = undefined;
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    if (this.#stopping) {
      this.#enter('stopped');
      this.#settle?.reject(new RegatherError('CANCELLED', `${this.name} was stopped while it started`));
      this.#settle = undefined;
      for (const gone of this.#gone) gone();
      this.#gone = [];
      return;
    }
    const how = signal === null ? `exit code ${code}` : signal;
    this.failure ??= new RegatherError('UNAVAILABLE', `${this.name} ended with ${how}`);
    if (!this.#everUp) {
      this.#enter('stopped');
      this.#settle?.reject(this.failure);
      this.#settle = undefined;
      return;
    }
    this.restarts += 1;
    this.#enter('restarting');
    const delayMs = this.#backoff.next(performance.now() - this.#startedAt);
    this.#timer = setTimeout(() => this.#spawn(), delayMs);
  }

  #enter(state: ChildState): void {
    if (this.state === state) return;
    this.state = state;
    this.#options.onChange(this);
  }
}

function parseEvent(line: string): ChildEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as { event?: unknown };
    return typeof value.event === 'string' ? (value as ChildEvent) : undefined;
  } catch {
    return undefined;
  }
}
