/** SIGTERM and SIGINT: the first stops in order, a second one at once. */
import type { Lifecycle } from './lifecycle.ts';

export interface SignalOptions {
  /**
   * Ends the process: 0 after an orderly stop, 1 if a hook failed, 128 + the signal's number after a second signal. Default
   * `process.exit`, because a handle that somebody forgot to close must not keep a stopped process alive. What the
   * first of several lifecycles gave counts.
   */
  readonly exit?: (code: number) => void;
  /** Where the signals come from. Default `process`. */
  readonly source?: SignalSource;
}

export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

export type StopSignal = 'SIGTERM' | 'SIGINT';

const numbers: Record<StopSignal, number> = { SIGINT: 2, SIGTERM: 15 };

/** All that live in one process: it must not exit before the last of them has stopped. */
class Group {
  readonly #source: SignalSource;
  readonly #exit: (code: number) => void;
  readonly #members = new Set<Lifecycle>();
  #received = 0;

  constructor(source: SignalSource, exit: (code: number) => void) {
    this.#source = source;
    this.#exit = exit;
  }

  add(lifecycle: Lifecycle): void {
    if (this.#members.size === 0) {
      this.#source.on('SIGTERM', this.#onTerm);
      this.#source.on('SIGINT', this.#onInt);
    }
    this.#members.add(lifecycle);
  }

  remove(lifecycle: Lifecycle): void {
    if (!this.#members.delete(lifecycle) || this.#members.size > 0) return;
    this.#source.off('SIGTERM', this.#onTerm);
    this.#source.off('SIGINT', this.#onInt);
  }

  readonly #onTerm = (): void => this.#receive('SIGTERM');
  readonly #onInt = (): void => this.#receive('SIGINT');

  #receive(signal: StopSignal): void {
    this.#received += 1;
    const members = [...this.#members];
    if (this.#received > 1) {
      for (const lifecycle of members) lifecycle.stopNow(signal);
      this.#exit(128 + numbers[signal]);
      return;
    }
    Promise.all(members.map((lifecycle) => lifecycle.stop(signal))).then(() => {
      // A second signal has already said how it ends.
      if (this.#received > 1) return;
      this.#exit(members.every((lifecycle) => lifecycle.failures.length === 0) ? 0 : 1);
    });
  }
}

const groups = new WeakMap<SignalSource, Group>();

/** Several lifecycles of one process stop together. Returns a function that takes this one out again. */
export function installSignals(lifecycle: Lifecycle, options: SignalOptions = {}): () => void {
  const source = options.source ?? process;
  let group = groups.get(source);
  if (group === undefined) {
    group = new Group(source, options.exit ?? ((code) => process.exit(code)));
    groups.set(source, group);
  }
  const joined = group;
  joined.add(lifecycle);
  return () => joined.remove(lifecycle);
}
