/**
 * The one life of a root or worker process: Loading → Ready → Draining → Saving → Stopped. Everything that has to happen on
 * the way down is a hook; a hook that throws or hangs is reported and never keeps the process from stopping.
 */
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';

export type LifecycleState = 'loading' | 'ready' | 'draining' | 'saving' | 'stopped';

/** The state with what belongs to it. Times are on the clock's ms. */
export type Life =
  | { readonly state: 'loading' }
  | { readonly state: 'ready' }
  /** `drained`: nothing runs any more. `stopping`: it goes on to Saving; otherwise it stays, and `undrain` leads back. */
  | {
      readonly state: 'draining';
      readonly reason: string;
      readonly sinceMs: number;
      readonly drained: boolean;
      readonly stopping: boolean;
    }
  | { readonly state: 'saving'; readonly reason: string }
  | { readonly state: 'stopped'; readonly reason: string; readonly failures: readonly HookFailure[] };

/**
 * When a hook runs. `drain`: refuse new work, resolve when what runs has ended. `undrain`: take work again. `save`: write down what
 * must outlive the process. `stop`: close what is open. The hooks of one phase run at the same time.
 */
export type HookPhase = 'drain' | 'undrain' | 'save' | 'stop';

/** `signal` is aborted when the phase's limit has passed or the process has to stop at once. */
export type Hook = (signal: AbortSignal) => void | Promise<void>;

export interface HookFailure {
  readonly phase: HookPhase;
  readonly name: string;
  readonly error: unknown;
}

export interface LifecycleOptions {
  /**
   * How long draining waits for work that runs. Default 25,000 ms: Kubernetes kills a container 30 s after SIGTERM, and 5 of
   * them are for saving. A request lives for about a second by default, so only a defect ever waits this long.
   */
  readonly drainLimitMs?: number;
  /** How long the `save` hooks, and after them the `stop` hooks, may take. Default 5,000 ms: what is left of those 30 s. */
  readonly saveLimitMs?: number;
  /** Told of every hook that throws or outlives its limit. Default: a line on stderr, so that no failure is silent. */
  readonly onFailure?: (failure: HookFailure) => void;
  readonly clock?: Clock;
}

interface NamedHook {
  readonly phase: HookPhase;
  readonly name: string;
  readonly run: Hook;
}

export class Lifecycle {
  readonly #hooks: NamedHook[] = [];
  readonly #listeners = new Set<(state: LifecycleState, life: Life) => void>();
  readonly #failures: HookFailure[] = [];
  readonly #drainLimitMs: number;
  readonly #saveLimitMs: number;
  readonly #onFailure: (failure: HookFailure) => void;
  readonly #clock: Clock;
  #life: Life = { state: 'loading' };
  /** Ends the wait of the phase that runs, if any. */
  #hurry: ((why: Error) => void) | undefined;
  #draining: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleOptions = {}) {
    this.#drainLimitMs = bounded('drainLimitMs', options.drainLimitMs ?? 25_000);
    this.#saveLimitMs = bounded('saveLimitMs', options.saveLimitMs ?? 5_000);
    this.#onFailure = options.onFailure ?? reportOnStderr;
    this.#clock = options.clock ?? systemClock;
  }

  get state(): LifecycleState {
    return this.#life.state;
  }

  get life(): Life {
    return this.#life;
  }

  /** What hooks did wrong so far. */
  get failures(): readonly HookFailure[] {
    return this.#failures;
  }

  /** Registers a hook; `name` is how its failure is reported. Returns a function that takes it back. */
  on(phase: HookPhase, name: string, run: Hook): () => void {
    const hook: NamedHook = { phase, name, run };
    this.#hooks.push(hook);
    return () => {
      const at = this.#hooks.indexOf(hook);
      if (at >= 0) this.#hooks.splice(at, 1);
    };
  }

  onDrain(name: string, run: Hook): () => void {
    return this.on('drain', name, run);
  }

  onUndrain(name: string, run: Hook): () => void {
    return this.on('undrain', name, run);
  }

  onSave(name: string, run: Hook): () => void {
    return this.on('save', name, run);
  }

  onStop(name: string, run: Hook): () => void {
    return this.on('stop', name, run);
  }

  /** Called after every change of state. Returns a function that takes the listener back. */
  onChange(listener: (state: LifecycleState, life: Life) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Loading → Ready. False, and nothing happens, if it isn't loading: a process told to stop while it loads stays stopped. */
  ready(): boolean {
    if (this.#life.state !== 'loading') return false;
    this.#enter({ state: 'ready' });
    return true;
  }

  /**
   * Loading or Ready → Draining, where it stays until `undrain` or `stop`. Resolves when the drain hooks have ended or their limit
   * has passed; never rejects. Idempotent: called again it gives the same promise.
   */
  drain(reason = 'drain'): Promise<void> {
    if (this.#draining !== undefined) return this.#draining;
    if (this.#life.state === 'saving' || this.#life.state === 'stopped') return Promise.resolve();
    this.#enter({ state: 'draining', reason, sinceMs: this.#clock.now(), drained: false, stopping: false });
    const draining = this.#run('drain', this.#drainLimitMs).then(() => {
      // An undrain in the meantime has put another life, and perhaps another drain, in its place.
      if (this.#draining === draining && this.#life.state === 'draining')
        this.#enter({ ...this.#life, drained: true });
    });
    this.#draining = draining;
    return draining;
  }

  /** Draining → Ready, if nobody has asked to stop; says whether it did. */
  async undrain(): Promise<boolean> {
    if (this.#life.state !== 'draining' || this.#life.stopping) return false;
    this.#hurry?.(new Error('undrained'));
    this.#draining = undefined;
    this.#enter({ state: 'ready' });
    await this.#run('undrain', this.#saveLimitMs);
    return true;
  }

  /** Drains, saves, stops. Resolves when stopped; never rejects. Idempotent: called again it gives the same promise. */
  stop(reason = 'stop'): Promise<void> {
    this.#stopping ??= this.#stop(reason);
    return this.#stopping;
  }

  async #stop(reason: string): Promise<void> {
    if (this.#isStopped()) return;
    const drained = this.drain(reason);
    if (this.#life.state === 'draining') this.#enter({ ...this.#life, stopping: true });
    await drained;
    // A stopNow may come during every wait.
    if (this.#isStopped()) return;
    this.#enter({ state: 'saving', reason });
    await this.#run('save', this.#saveLimitMs);
    if (!this.#isStopped()) await this.#run('stop', this.#saveLimitMs);
    if (!this.#isStopped()) this.#enter({ state: 'stopped', reason, failures: this.#failures });
  }

  #isStopped(): boolean {
    return this.#life.state === 'stopped';
  }

  /** Stopped at once: nothing is waited for, hooks that run see their signal aborted, hooks that haven't begun never do. */
  stopNow(reason = 'stop now'): void {
    if (this.#life.state === 'stopped') return;
    this.#enter({ state: 'stopped', reason, failures: this.#failures });
    this.#hurry?.(new Error(reason));
  }

  #enter(life: Life): void {
    this.#life = life;
    for (const listener of this.#listeners) {
      try {
        listener(life.state, life);
      } catch (error) {
        this.#fail({ phase: 'stop', name: `listener of ${life.state}`, error });
      }
    }
  }

  #fail(failure: HookFailure): void {
    this.#failures.push(failure);
    try {
      this.#onFailure(failure);
    } catch (error) {
      reportOnStderr({ phase: failure.phase, name: `onFailure for ${failure.name}`, error });
    }
  }

  /** Runs a phase's hooks together; resolves when all have settled, the limit has passed or somebody is in a hurry. */
  #run(phase: HookPhase, limitMs: number): Promise<void> {
    const hooks = this.#hooks.filter((hook) => hook.phase === phase);
    if (hooks.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const abort = new AbortController();
      const pending = new Set(hooks);
      const finish = (): void => {
        timer.cancel();
        if (this.#hurry === hurry) this.#hurry = undefined;
        resolve();
      };
      const hurry = (why: Error): void => {
        pending.clear();
        abort.abort(why);
        finish();
      };
      const timer = this.#clock.setTimer(() => {
        const late = [...pending];
        const error = new Error(`Expected to end within ${limitMs} ms, still running (${phase} hook)`);
        hurry(error);
        for (const hook of late) this.#fail({ phase, name: hook.name, error });
      }, limitMs);
      this.#hurry = hurry;
      const settle = (hook: NamedHook): void => {
        if (pending.delete(hook) && pending.size === 0) finish();
      };
      for (const hook of hooks) {
        invoke(hook, abort.signal).then(
          () => settle(hook),
          (error: unknown) => {
            // One that fails after the wait has ended was reported as late, or nobody wants to know.
            if (pending.has(hook)) this.#fail({ phase, name: hook.name, error });
            settle(hook);
          },
        );
      }
    });
  }
}

/** Starts the hook in this turn, so that a drain takes effect before `drain` returns. */
async function invoke(hook: NamedHook, signal: AbortSignal): Promise<void> {
  await hook.run(signal);
}

function bounded(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0 || value > 86_400_000) {
    throw new RangeError(`Expected ${name} to be 0..86400000 ms, got ${value}`);
  }
  return value;
}

function reportOnStderr({ phase, name, error }: HookFailure): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`The ${phase} hook ${JSON.stringify(name)} failed: ${text}\n`);
}
