/** SIGTERM and SIGINT: the first stops in order, a second one at once. */
import type { Lifecycle } from './lifecycle.ts';

export interface SignalOptions {
  /**
   * Ends the process: 0 after an orderly stop, 1 if a hook failed, 128 + the signal's number after a second signal. Default
   * `process.exit`, because a handle that somebody forgot to close must not keep a stopped process alive.
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

/** Returns a function that takes the handlers away again. */
export function installSignals(lifecycle: Lifecycle, options: SignalOptions = {}): () => void {
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const source = options.source ?? process;
  let received = 0;
  const receive = (signal: StopSignal): void => {
    received += 1;
    if (received > 1) {
      lifecycle.stopNow(signal);
      exit(128 + numbers[signal]);
      return;
    }
    lifecycle.stop(signal).then(() => {
      // A second signal has already said how it ends.
      if (received === 1) exit(lifecycle.failures.length === 0 ? 0 : 1);
    });
  };
  const onTerm = (): void => receive('SIGTERM');
  const onInt = (): void => receive('SIGINT');
  source.on('SIGTERM', onTerm);
  source.on('SIGINT', onInt);
  return () => {
    source.off('SIGTERM', onTerm);
    source.off('SIGINT', onInt);
  };
}
