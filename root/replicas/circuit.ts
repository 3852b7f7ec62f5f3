/**
 * The states that a breaker goes through, whatever opened it: closed → open for a backoff → half-open, where one attempt at a time is let
 * through, → closed after enough of them succeeded. An attempt is known by its identity: an outcome of one that began before the
 * circuit opened, or beside the probe, says nothing of how the replica is now. An operator's word goes before all of it.
 */
import type { Clock } from '../../shared/clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** What an operator said: `open`, nothing is sent; `closed`, whatever happens it isn't avoided. */
export type Override = 'open' | 'closed';

export interface CircuitOptions {
  /** How long it stays open at first. Doubles with every probe that fails, up to the maximum, ± 20 %. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Successes that a half-open circuit needs to close. */
  readonly probes: number;
}

/** Why it isn't closed. */
export interface Trip {
  /** In words: "12 of 20 attempts failed". */
  readonly reason: string;
  /** It was too slow: a probe that takes longer than this has failed. */
  readonly limitMs?: number;
}

interface Probe {
  readonly attempt: object;
  readonly deadline: number;
  /** Others need not wait longer than this for it. */
  readonly until: number;
}

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly trip: Trip; readonly until: number; readonly failures: number }
  | {
      readonly kind: 'half-open';
      readonly trip: Trip;
      readonly failures: number;
      successes: number;
      probe: Probe | undefined;
    };

const CLOSED: State = { kind: 'closed' };
const JITTER = 0.2;
/** Node's timers round down. */
const EARLY_MS = 1;

export interface CircuitEvents {
  /** Also when an operator's word changes what it is. */
  changed(state: BreakerState, why: string): void;
  /** A half-open circuit's probe ended well or badly, or was given up. */
  probed(succeeded: boolean): void;
}

export class Circuit {
  readonly #options: CircuitOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: CircuitEvents;
  #state: State = CLOSED;
  #override: Override | undefined;

  constructor(options: CircuitOptions, events: CircuitEvents, clock: Clock, random: () => number) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#random = random;
  }

  /** The usual case, for the way of every attempt. */
  get isClosed(): boolean {
    return this.#state === CLOSED && this.#override === undefined;
  }

  get state(): BreakerState {
    if (this.#override !== undefined) return this.#override;
    this.#giveUpProbe();
    const state = this.#state;
    if (state.kind === 'open' && this.#clock.now() >= state.until) return 'half-open';
    return state.kind;
  }

  /** Why it isn't closed, in words; '' if it is. */
  get why(): string {
    if (this.#override !== undefined)
      return `an operator ${this.#override === 'open' ? 'opened' : 'closed'} it`;
    return this.#state.kind === 'closed' ? '' : this.#state.trip.reason;
  }

  /** It was opened for being slow, not for failing. */
  get slow(): boolean {
    return (
      this.#override === undefined && this.#state.kind !== 'closed' && this.#state.trip.limitMs !== undefined
    );
  }

  /** An attempt may be made now. Takes nothing. */
  get allows(): boolean {
    if (this.isClosed) return true;
    if (this.#override !== undefined) return this.#override === 'closed';
    this.#giveUpProbe();
    const state = this.#state;
    if (state.kind === 'open') return this.#clock.now() >= state.until;
    return state.kind === 'closed' || state.probe === undefined;
  }

  get override(): Override | undefined {
    return this.#override;
  }

  set override(override: Override | undefined) {
    if (override === this.#override) return;
    const before = this.state;
    this.#override = override;
    // What it waited for was begun under other rules.
    if (this.#state.kind === 'half-open') this.#state.probe = undefined;
    const { state } = this;
    if (state !== before) this.#events.changed(state, this.why);
  }

  /** An attempt begins. If half-open and no probe is under way, it is the probe. */
  begin(attempt: object, deadline: number): void {
    if (this.#override !== undefined) return;
    let state = this.#state;
    if (state.kind === 'closed') return;
    const now = this.#clock.now();
    if (state.kind === 'open') {
      if (now < state.until) return;
      const { trip, failures } = state;
      state = { kind: 'half-open', trip, failures, successes: 0, probe: undefined };
      this.#state = state;
      this.#events.changed('half-open', trip.reason);
    }
    state.probe ??= { attempt, deadline, until: Math.min(deadline, now + this.#options.maxBackoffMs) };
  }

  /** `elapsedMs` NaN: how long it took says nothing, so it doesn't count as a proof of being fast again. */
  success(attempt: object, elapsedMs: number): void {
    const state = this.#probedBy(attempt);
    if (state === undefined) return;
    const { limitMs } = state.trip;
    if (limitMs !== undefined && elapsedMs > limitMs) {
      this.#reopen(state.trip, state.failures);
      return;
    }
    state.probe = undefined;
    if (limitMs !== undefined && Number.isNaN(elapsedMs)) return;
    state.successes++;
    this.#events.probed(true);
    if (state.successes < this.#options.probes) return;
    this.#state = CLOSED;
    this.#events.changed('closed', '');
  }

  failure(attempt: object): void {
    const state = this.#probedBy(attempt);
    if (state !== undefined) this.#reopen(state.trip, state.failures);
  }

  /**
   * The attempt was cancelled or refused before it began: it says nothing, and the next one may be the probe. One that had all its time
   * until its deadline has failed.
   */
  neutral(attempt: object): void {
    const state = this.#probedBy(attempt);
    if (state?.probe === undefined) return;
    // Whoever gives it up at its deadline may do so a little before others ask: it has failed for both.
    if (this.#clock.now() > state.probe.deadline - EARLY_MS) this.#reopen(state.trip, state.failures);
    else state.probe = undefined;
  }

  /** Opens it, if it is closed and no operator said that it stays so; says whether it did. */
  trip(trip: Trip): boolean {
    if (!this.isClosed) return false;
    this.#open(trip, 0);
    return true;
  }

  #probedBy(attempt: object): (State & { kind: 'half-open' }) | undefined {
    const state = this.#state;
    return state.kind === 'half-open' && state.probe?.attempt === attempt ? state : undefined;
  }

  /**
   * A probe that never ends must not keep the others away for ever: past its deadline it has failed. One with a far deadline, such as
   * a stream, is only waited for as long as the longest backoff: then the next one goes.
   */
  #giveUpProbe(): void {
    const state = this.#state;
    if (state.kind !== 'half-open' || state.probe === undefined) return;
    const now = this.#clock.now();
    if (now < state.probe.until) return;
    if (now >= state.probe.deadline) this.#reopen(state.trip, state.failures);
    else state.probe = undefined;
  }

  #reopen(trip: Trip, failures: number): void {
    this.#open(trip, failures + 1);
    this.#events.probed(false);
  }

  #open(trip: Trip, failures: number): void {
    const { backoffMs, maxBackoffMs } = this.#options;
    const backoff = Math.min(maxBackoffMs, backoffMs * 2 ** failures);
    const jittered = backoff * (1 + JITTER * (2 * this.#random() - 1));
    this.#state = { kind: 'open', trip, until: this.#clock.now() + jittered, failures };
    this.#events.changed('open', trip.reason);
  }
}
