/** The parent's end: a child process that answers questions, and never outlives the run. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Reply, Usage } from './child.ts';

const running = new Set<BenchProcess>();

export class BenchProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (reply: unknown) => void; reject: (error: Error) => void }
  >();
  #lastId = 0;
  #gone: string | undefined;

  /** `module` is relative to bench/. */
  constructor(name: string, module: string, args: readonly string[] = []) {
    this.name = name;
    this.#child = fork(fileURLToPath(new URL(`../${module}`, import.meta.url)), args, {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (reply: Reply) => this.#onReply(reply));
    this.#child.on('exit', (code, signal) => this.#onGone(`${this.name} ended early (${signal ?? code})`));
    this.#child.on('error', (error) => this.#onGone(`${this.name}: ${error.message}`));
    running.add(this);
  }

  ask<T>(ask: string, body: unknown = null): Promise<T> {
    if (this.#gone !== undefined) return Promise.reject(new Error(this.#gone));
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (reply: unknown) => void, reject });
      this.#child.send({ id, ask, body });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** No goodbye. Resolves when it is gone. */
  async kill(): Promise<void> {
    running.delete(this);
    if (this.#gone !== undefined) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  usage(): Promise<Usage> {
    return this.ask<Usage>('usage');
  }

  async stop(): Promise<void> {
    running.delete(this);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await exit;
    clearTimeout(timer);
  }

  /** Newest first, so that nobody loses what it talks to. */
  static async stopAll(): Promise<void> {
    for (const child of [...running].reverse()) await child.stop();
  }

  #onReply(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (reply.error === undefined) waiting.resolve(reply.reply);
    else waiting.reject(new Error(`${this.name}: ${reply.error}`));
  }

  #onGone(why: string): void {
    this.#gone = why;
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }
}
