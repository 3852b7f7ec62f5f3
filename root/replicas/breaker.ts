/**
 * A circuit breaker for a worker's transport or a replica's statuses. opossum counts settled, classified outcomes in its rolling window
 * and decides when to open; what happens then (backoff, one probe at a time, three successes) is our own, because
 * opossum closes on the first success, lets a hung probe reject for ever, and has no neutral outcome.
 */
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import { type Clock, systemClock } from '../../shared/clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
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
  windowMs: 10_000,
  minCalls: 20,
  errorPercent: 50,
  backoffMs: 5_000,
  maxBackoffMs: 60_000,
  probes: 3,
};

const JITTER = 0.2;
const BUCKETS = 10;

/** Rotates the windows of all breakers of a root with one timer. */
export class BreakerWindow {
  readonly emitter = new EventEmitter().setMaxListeners(0);
  readonly windowMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
    this.#timer = setInterval(() => this.rotate(), Math.ceil(windowMs / BUCKETS));
    this.#timer.unref();
  }

  rotate(): void {
    this.emitter.emit('settle');
    this.emitter.emit('rotate');
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

type Circuit =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number; readonly failures: number }
  /** `probing`: one attempt is under way. */
  | { readonly kind: 'half-open'; readonly failures: number; successes: number; probing: boolean };

const CLOSED: Circuit = { kind: 'closed' };

// The outcome is settled when opossum sees it.
const FAILED = new Error('failed');
const fail = (): Promise<void> => Promise.reject(FAILED);
const ignore = (): void => {};

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onChange: (state: BreakerState) => void;
  readonly #window: BreakerWindow;
  #counter: CircuitBreaker<[], void>;
  #circuit: Circuit = CLOSED;
  /** Since they were last put into opossum's window: firing it for each costs 0.5 µs, and an answer has dozens. */
  #successes = 0;
  readonly #settle = (): void => this.#settleSuccesses();

  constructor(
    window: BreakerWindow,
    options: BreakerOptions = defaultBreakerOptions,
    onChange: (state: BreakerState) => void = ignore,
    clock: Clock = systemClock,
    random: () => number = Math.random,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
    this.#window = window;
    this.#counter = this.#newCounter();
    window.emitter.on('settle', this.#settle);
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
      // Never half-open on its own: that is ours.
      resetTimeout: 2 ** 31 - 1,
    });
    counter.on('open', () => this.#open(0));
    return counter;
  }

  get state(): BreakerState {
    const circuit = this.#circuit;
    if (circuit.kind === 'open' && this.#clock.now() >= circuit.until) return 'half-open';
    return circuit.kind;
  }

  /** Whether an attempt may be made now; takes nothing. */
  get allows(): boolean {
    const circuit = this.#circuit;
    if (circuit.kind === 'closed') return true;
    if (circuit.kind === 'open') return this.#clock.now() >= circuit.until;
    return !circuit.probing;
  }

  /** An attempt begins. If half-open, it is the probe, and every `begin` is followed by `success`, `failure` or `neutral`. */
  begin(): void {
    let circuit = this.#circuit;
    if (circuit.kind === 'closed') return;
    if (circuit.kind === 'open') {
      if (this.#clock.now() < circuit.until) return;
      circuit = { kind: 'half-open', failures: circuit.failures, successes: 0, probing: false };
      this.#circuit = circuit;
      this.#onChange('half-open');
    }
    circuit.probing = true;
  }

  success(): void {
    const circuit = this.#circuit;
    if (circuit.kind === 'closed') {
      this.#successes++;
      return;
    }
    if (circuit.kind !== 'half-open') return;
    circuit.probing = false;
    circuit.successes++;
    if (circuit.successes < this.#options.probes) return;
    this.#circuit = CLOSED;
    // What was counted before it opened must not open it again.
    this.#counter.shutdown();
    this.#successes = 0;
    this.#counter = this.#newCounter();
    this.#onChange('closed');
  }

  failure(): void {
    const circuit = this.#circuit;
    if (circuit.kind === 'closed') {
      this.#settleSuccesses();
      this.#counter.fire().catch(ignore);
    } else if (circuit.kind === 'half-open') this.#open(circuit.failures + 1);
  }

  /** The attempt was cancelled or refused before it began: it says nothing. */
  neutral(): void {
    if (this.#circuit.kind === 'half-open') this.#circuit.probing = false;
  }

  close(): void {
    this.#window.emitter.off('settle', this.#settle);
    this.#counter.shutdown();
  }

  /** Into the newest bucket of the window, which opossum reads when something fails. */
  #settleSuccesses(): void {
    const bucket = this.#counter.status.window[0];
    if (this.#successes === 0 || bucket === undefined) return;
    bucket.fires += this.#successes;
    bucket.successes += this.#successes;
    this.#successes = 0;
  }

  #open(failures: number): void {
    const { backoffMs, maxBackoffMs } = this.#options;
    const backoff = Math.min(maxBackoffMs, backoffMs * 2 ** failures);
    const jittered = backoff * (1 + JITTER * (2 * this.#random() - 1));
    this.#circuit = { kind: 'open', until: this.#clock.now() + jittered, failures };
    this.#onChange('open');
  }
}
