/** A generator in a process of its own, so that neither what shows its progress nor another generator delays what it sends. */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RegatherError } from '../../../shared/errors/errors.ts';
import type { Generator, GeneratorEnd, GeneratorTask } from './generator.ts';
import type { FromGenerator, ToGenerator } from './messages.ts';
import type { SampleBatch } from './sample.ts';

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: RegatherError) => void;
}

export class GeneratorProcess implements Generator {
  readonly #task: GeneratorTask;
  readonly #onSamples: (batch: SampleBatch) => void;
  readonly #child: ChildProcess;
  #ready: Waiting<void> | undefined;
  #end: Waiting<GeneratorEnd> | undefined;
  #closed = false;
  #failure: RegatherError | undefined;

  constructor(name: string, task: GeneratorTask, onSamples: (batch: SampleBatch) => void) {
    this.#task = task;
    this.#onSamples = onSamples;
    // In dist/ it is a .js.
    const file = fileURLToPath(new URL(`./child${extname(import.meta.filename)}`, import.meta.url));
    this.#child = fork(file, {
      // 'advanced' carries typed arrays as they are. A larger young generation: a collection a second, not ten, at thousands of calls a second.
      serialization: 'advanced',
      execArgv: ['--max-semi-space-size=32'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: FromGenerator) => this.#hear(message));
    this.#child.on('error', (error) =>
      this.#fail(new RegatherError('INTERNAL', `${name}: ${error.message}`)),
    );
    this.#child.on('exit', (code, signal) => {
      if (!this.#closed)
        this.#fail(
          new RegatherError('INTERNAL', `${name} ended early, with ${signal ?? `exit code ${code}`}`),
        );
    });
  }

  prepare(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.#say({ say: 'prepare', task: this.#task });
    });
  }

  run(startAtMs: number): Promise<GeneratorEnd> {
    return new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
      this.#say({ say: 'run', startAtMs });
    });
  }

  stop(graceMs: number): void {
    this.#say({ say: 'stop', graceMs });
  }

  /** The child ends by itself when the channel closes. */
  close(): void {
    this.#closed = true;
    if (this.#child.connected) this.#child.disconnect();
  }

  #say(message: ToGenerator): void {
    if (this.#failure !== undefined) this.#fail(this.#failure);
    else if (this.#child.connected) this.#child.send(message);
  }

  #hear(message: FromGenerator): void {
    if (message.say === 'samples') this.#onSamples(message.batch);
    else if (message.say === 'ready') this.#ready?.resolve();
    else if (message.say === 'ended') this.#end?.resolve(message.end);
    else this.#fail(new RegatherError(message.code, message.message));
  }

  #fail(error: RegatherError): void {
    this.#failure ??= error;
    this.#ready?.reject(error);
    this.#end?.reject(error);
  }
}
