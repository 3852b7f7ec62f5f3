/**
 * When a task has taken so long that another replica is asked as well, and when that would do harm. The delay is a quantile of the method's
 * own primary tasks (SingleR, SPAA '17): hedging a fixed share of tasks is what the budget can carry, however latency moves.
 */
import type { LoopDelay } from '../../shared/loop-delay.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { HedgePolicy } from '../policy.ts';
import type { LatencyWindow } from './latency-window.ts';
import type { Worker } from './worker.ts';

/**
 * Why the slow tasks that are open when the delay is over are left alone. `root_late`: the root itself is, so what looks slow may be
 * waiting here. `root_full`: it is near what it admits. `all_slow`: so many are that it isn't a matter of replicas.
 */
export type Refusal = 'root_late' | 'root_full' | 'all_slow';

/**
 * Why tasks aren't hedged. By the policy, because the method may not run twice or forwards items as they come, because too little is known of
 * its latency, because the deadline comes before a second attempt could answer, for want of a replica or of one that has a free slot, for want
 * of budget, or by refusal.
 */
export type NotHedged =
  | 'disabled'
  | 'not_idempotent'
  | 'streaming'
  | 'few_samples'
  | 'no_time'
  | 'no_replica'
  | 'replica_busy'
  | 'budget'
  | Refusal;

/** What hedging must know of the root itself. */
export interface RootPressure {
  readonly loopDelay: Pick<LoopDelay, 'p99Ms'>;
  /** Leaf calls that it has admitted, and that it may. */
  readonly admission: { readonly inUse: number; readonly limit: number };
}

const MAX_USED = 0.7;
const MEDIANS = 1.5;
const BUSY = 0.5;
/** Tasks that are open for as long: more than twice what the budget carries means that everything is slow. */
const MAX_OPEN = 2;
const OPEN_TAU_MS = 2000;
/** Too few to tell a rate by. */
const OPEN_FLOOR = 20;
/** How many steps are told apart by `stepOf` in hedge-rounds.ts. */
export const STEPS = 12;

export class Hedging {
  readonly #policy: HedgePolicy;
  /** The share of primary tasks that may be hedged. */
  readonly #ratio: number;
  readonly #latency: LatencyWindow;
  readonly #pressure: RootPressure;
  readonly #never: NotHedged | undefined;
  /** Primary tasks of about the last two seconds, and by step those that were open for as long. */
  #primaries = 0;
  readonly #open = new Float64Array(STEPS);
  #at = 0;

  constructor(
    method: MethodPlan,
    policy: HedgePolicy,
    ratio: number,
    latency: LatencyWindow,
    pressure: RootPressure,
  ) {
    this.#policy = policy;
    this.#ratio = ratio;
    this.#latency = latency;
    this.#pressure = pressure;
    if (!policy.enabled) this.#never = 'disabled';
    else if (!method.idempotent) this.#never = 'not_idempotent';
    else if (method.kind !== 'unary') this.#never = 'streaming';
  }

  /** How long after the first attempts the rest is to be asked elsewhere, in ms; or why it won't be. */
  delay(now: number, leftMs: number): number | NotHedged {
    if (this.#never !== undefined) return this.#never;
    const { minDelayMs, minSamples } = this.#policy;
    if (this.#latency.count(now) < minSamples) return 'few_samples';
    const median = this.#latency.median(now);
    const least = Math.max(minDelayMs, MEDIANS * median);
    // Half of the time is for the second attempt, which needs a median at least.
    if (least > leftMs / 2 || median > leftMs / 2) return 'no_time';
    return Math.min(leftMs / 2, Math.max(least, this.#latency.tail(now)));
  }

  began(tasks: number, now: number): void {
    this.#decay(now);
    this.#primaries += tasks;
  }

  /** A task is open for as long as `step` says, and was counted up to the one before `from`. */
  outlived(from: number, step: number, now: number): void {
    this.#decay(now);
    for (let i = from; i <= step; i++) this.#open[i]!++;
  }

  /**
   * Whether tasks that are open after the delay may be hedged. `beyondMs`: how long after it; what is slow by twice as much as the root is late is slow
   * whatever the root is. `step`: what is still open when nearly everything else has come is slow whatever the rest was.
   */
  refusal(step: number, beyondMs: number, now: number): Refusal | undefined {
    this.#decay(now);
    const { loopDelay, admission } = this.#pressure;
    if (loopDelay.p99Ms >= Math.max(this.#policy.maxLoopDelayMs, beyondMs / 2)) return 'root_late';
    if (admission.inUse >= MAX_USED * admission.limit) return 'root_full';
    if (this.#open[step]! > OPEN_FLOOR + MAX_OPEN * this.#ratio * this.#primaries) return 'all_slow';
    return undefined;
  }

  /**
   * Tasks wait there for as long as half of what one takes: a hedge would wait too, and make others wait. One that has been open for longer
   * than that beyond the delay gains all the same.
   */
  isBusy({ load }: Worker, beyondMs: number, now: number): boolean {
    return load.queueMs >= Math.max(BUSY * this.#latency.median(now), beyondMs);
  }

  #decay(now: number): void {
    const age = now - this.#at;
    if (age <= 0) return;
    this.#at = now;
    const left = Math.exp(-age / OPEN_TAU_MS);
    this.#primaries *= left;
    for (let i = 0; i < STEPS; i++) this.#open[i]! *= left;
  }
}
