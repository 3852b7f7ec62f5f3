/**
 * A circuit breaker for a worker's transport or a replica's statuses. opossum counts settled, classified outcomes in its rolling window
 * and decides when to open; what happens then (backoff, one probe at a time, three successes) is the circuit's, because
 * opossum closes on the first success, lets a hung probe reject for ever, and has no neutral outcome. Slowness opens it too (ejection.ts).
 */
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';
import { type BreakerState, Circuit, type CircuitEvents, type Override, type Trip } from './circuit.ts';

export type { BreakerState, Override } from './circuit.ts';

export interface BreakerOptions {
  /** Failures open it. Default true. Slow ejection and operators do in any case. */
  readonly enabled: boolean;
  /** The rolling window. Default 10,000 ms. */
  readonly windowMs: number;
  /** Fewer outcomes than this in the window never open it. Default 20: a handful of failures says nothing of a rate. */
  readonly minCalls: number;
  /** Opens above this share of failures, in percent. Default 50. */
  readonly errorPercent: number;
  /** How long it stays open at first. Doubles with every probe that fails, up to the maximum, ± 20 %. Default 5,000 ms. */
  readonly backoffMs: number;
  /** Default 60,000 ms. */
  readonly maxBackoffMs: number;
  /** Successes that a half-open breaker needs to close. Default 3. */
  readonly probes: number;
}

export const defaultBreakerOptions: BreakerOptions = {
  enabled: true,
  windowMs: 10_000,
  minCalls: 20,
  errorPercent: 50,
  backoffMs: 5_000,
  maxBackoffMs: 60_000,
  probes: 3,
};

const BUCKETS = 10;

/** Rotates the windows of all breakers of a root with one timer. */
export class BreakerWindow {
  readonly emitter = new EventEmitter().setMaxListeners(0);
  readonly windowMs: number;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(windowMs: number, clock: Clock = systemClock) {
    this.windowMs = windowMs;
    this.#clock = clock;
    this.#arm();
  }

  rotate(): void {
    this.emitter.emit('settle');
    this.emitter.emit('rotate');
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(
      () => {
        this.rotate();
        this.#arm();
      },
      Math.ceil(this.windowMs / BUCKETS),
    );
  }
}

export interface BreakerEvents extends CircuitEvents {
  /** It is of no use any more. */
  closed(): void;
}

// The outcome is settled when opossum sees it.
const FAILED = new Error('failed');
const fail = (): Promise<void> => Promise.reject(FAILED);
const ignore = (): void => {};

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #window: BreakerWindow;
  readonly #circuit: Circuit;
  readonly #closed: () => void;
  #counter: CircuitBreaker<[], void>;
  /** Since they were last put into opossum's window: firing it for each costs 0.5 µs, and an answer has dozens. */
  #successes = 0;
  readonly #settle = (): void => this.#settleSuccesses();

  constructor(
    window: BreakerWindow,
    options: BreakerOptions = defaultBreakerOptions,
    events: Partial<BreakerEvents> = {},
    clock: Clock = systemClock,
    random: () => number = Math.random,
  ) {
    this.#options = options;
    this.#window = window;
    this.#closed = events.closed ?? ignore;
    this.#counter = this.#newCounter();
    this.#circuit = new Circuit(
      options,
      {
        changed: (state, why) => {
          if (state === 'closed') this.#forget();
          events.changed?.(state, why);
        },
        probed: (succeeded) => events.probed?.(succeeded),
      },
      clock,
      random,
    );
    window.emitter.on('settle', this.#settle);
  }

  get state(): BreakerState {
    return this.#circuit.state;
  }

  /** Why it isn't closed, in words; '' if it is. */
  get why(): string {
    return this.#circuit.why;
  }

  /** It was opened for being slow next to its siblings. */
  get ejected(): boolean {
    return this.#circuit.slow;
  }

  /** Whether an attempt may be made now; takes nothing. */
  get allows(): boolean {
    return this.#circuit.allows;
  }

  /** An operator opened it: nothing is sent, even where nobody else has the shard. */
  get refuses(): boolean {
    return this.#circuit.override === 'open';
  }

  get override(): Override | undefined {
    return this.#circuit.override;
  }

  set override(override: Override | undefined) {
    // Outcomes aren't counted meanwhile, and what came before is old by then.
    this.#forget();
    this.#circuit.override = override;
  }

  /**
   * An attempt begins, which ends by `deadline` at the latest. If half-open, it may be the probe: `success`, `failure` or `neutral`
   * of the same attempt follows.
   */
  begin(attempt: object, deadline: number): void {
    if (!this.#circuit.isClosed) this.#circuit.begin(attempt, deadline);
  }

  success(attempt: object, elapsedMs: number): void {
    if (this.#circuit.isClosed) this.#successes++;
    else this.#circuit.success(attempt, elapsedMs);
  }

  failure(attempt: object): void {
    if (!this.#circuit.isClosed) {
      this.#circuit.failure(attempt);
      return;
    }
    if (!this.#options.enabled) return;
    this.#settleSuccesses();
    this.#counter.fire().catch(ignore);
  }

  /** The attempt was cancelled or refused before it began: it says nothing. */
  neutral(attempt: object): void {
    if (!this.#circuit.isClosed) this.#circuit.neutral(attempt);
  }

  /** Opens it, if it is closed and no operator said that it stays so; says whether it did. */
  trip(trip: Trip): boolean {
    return this.#circuit.trip(trip);
  }

  close(): void {
    if (this.#counter.isShutdown) return;
    this.#window.emitter.off('settle', this.#settle);
    this.#counter.shutdown();
    this.#closed();
  }

  #newCounter(): CircuitBreaker<[], void> {
    const { errorPercent, minCalls, windowMs } = this.#options;
    const counter = new CircuitBreaker<[], void>(fail, {
      timeout: false,
      errorThresholdPercentage: errorPercent,
      volumeThreshold: minCalls,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: BUCKETS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#window.emitter,
      // Never half-open on its own: that is the circuit's.
      resetTimeout: 2 ** 31 - 1,
    });
    counter.on('open', () => {
      const { failures, fires } = counter.stats;
      this.#circuit.trip({ reason: `${failures} of ${fires} attempts failed` });
    });
    return counter;
  }

  /** What was counted before it opened must not open it again. */
  #forget(): void {
    // Attempts under way may outlive it.
    if (this.#counter.isShutdown) return;
    this.#counter.shutdown();
    this.#successes = 0;
    this.#counter = this.#newCounter();
  }

  /** Into the newest bucket of the window, which opossum reads when something fails. */
  #settleSuccesses(): void {
    const bucket = this.#counter.status.window[0];
    if (this.#successes === 0 || bucket === undefined) return;
    bucket.fires += this.#successes;
    bucket.successes += this.#successes;
    this.#successes = 0;
  }
}
