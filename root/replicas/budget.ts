/**
 * Extra work (G5): hedges, retries and probes are paid with tokens that first attempts earn, so that together they add no more than a
 * share of them, whatever fails. Hedges have a purse of their own, and so have retries; whoever pays takes from the common one as well.
 */
import type { Clock } from '../../shared/clock.ts';
import type { BudgetPolicy } from '../policy.ts';

/** A probe is the first task for a replica that may fail it: as likely as not it is tried again elsewhere. */
export type ExtraKind = 'hedge' | 'retry' | 'probe';

/** Of answered tasks. What fails altogether earns nothing to be tried again with. */
const RETRIES_PER_SUCCESS = 0.1;
/** So that a root with hardly any traffic can try again at all. */
const RETRIES_PER_SECOND = 1;
const SAVED_MS = 2000;
/** Of what may be saved up in any case, for tasks that are open for longer than the delay. */
const KEPT = 0.5;

/** What can be saved up is two seconds' worth of what the last second earned. */
class Purse {
  tokens: number;
  readonly #burst: number;
  #cap: number;
  #earned = 0;

  constructor(burst: number) {
    this.#burst = burst;
    this.#cap = burst;
    this.tokens = burst;
  }

  earn(tokens: number): void {
    this.#earned += tokens;
    this.tokens = Math.min(this.#cap, this.tokens + tokens);
  }

  secondsPassed(seconds: number): void {
    this.#cap = Math.max(this.#burst, (this.#earned / seconds) * (SAVED_MS / 1000));
    this.#earned = 0;
    this.tokens = Math.min(this.#cap, this.tokens);
  }
}

export class ExtraWork {
  /** Tasks sent so far, by kind. */
  readonly spent: Record<ExtraKind, number> = { hedge: 0, retry: 0, probe: 0 };
  readonly policy: BudgetPolicy;
  readonly #clock: Clock;
  readonly #hedges: Purse;
  readonly #retries: Purse;
  readonly #all: Purse;
  #at: number;
  #secondAt: number;

  constructor(policy: BudgetPolicy, clock: Clock) {
    this.policy = policy;
    this.#clock = clock;
    this.#hedges = new Purse(policy.burst);
    this.#retries = new Purse(policy.burst);
    this.#all = new Purse(policy.burst);
    this.#at = clock.now();
    this.#secondAt = this.#at;
  }

  /** First attempts were sent. */
  began(tasks: number, now: number): void {
    this.#hedges.earn(tasks * this.policy.hedges);
    this.#all.earn(tasks * this.policy.ratio);
    if (now - this.#secondAt >= 1000) this.#passed(now);
  }

  answered(tasks: number): void {
    this.#retries.earn(tasks * RETRIES_PER_SUCCESS);
  }

  /**
   * Takes a token for one task, or says that there is none. `step`: how long a task to be hedged is open, as `stepOf` says. Each step may leave half as
   * many tokens as the one before, so that what hangs finds one when a burst has taken those of what was only a little late.
   */
  take(kind: ExtraKind, step = Number.POSITIVE_INFINITY): boolean {
    this.#passed(this.#clock.now());
    const purse = kind === 'hedge' ? this.#hedges : this.#retries;
    const kept = Math.floor((this.policy.burst * KEPT) / 2 ** step);
    if (purse.tokens < 1 + kept || this.#all.tokens < 1) return false;
    purse.tokens--;
    this.#all.tokens--;
    this.spent[kind]++;
    return true;
  }

  /** Tokens left. */
  get tokens(): { readonly hedge: number; readonly retry: number; readonly all: number } {
    return { hedge: this.#hedges.tokens, retry: this.#retries.tokens, all: this.#all.tokens };
  }

  #passed(now: number): void {
    const seconds = (now - this.#at) / 1000;
    if (seconds <= 0) return;
    this.#at = now;
    this.#retries.earn(seconds * RETRIES_PER_SECOND);
    this.#all.earn(seconds * RETRIES_PER_SECOND);
    const since = (now - this.#secondAt) / 1000;
    if (since < 1) return;
    this.#secondAt = now;
    for (const purse of [this.#hedges, this.#retries, this.#all]) purse.secondsPassed(since);
  }
}
