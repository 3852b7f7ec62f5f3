/** What a root knows and may do about the slow tasks of one method. */
import type { RootTailMetrics, WithheldReason } from '../../shared/metrics/root-tail.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { MethodPolicy } from '../policy.ts';
import type { ExtraWork } from './budget.ts';
import { Hedging, type NotHedged, type RootPressure } from './hedge.ts';
import { LatencyWindow } from './latency-window.ts';
import type { Replica, Wanted } from './replica-set.ts';

export class MethodTail {
  /** Of primary tasks, each its own; those that another replica beat count as long as they were waited for. */
  readonly latency: LatencyWindow;
  readonly hedging: Hedging;
  /** The root's, or the method's own. */
  readonly budget: ExtraWork;
  readonly metrics: RootTailMetrics;
  /** One for all requests, which use it at once. */
  readonly #wanted: { -readonly [K in keyof Wanted]: Wanted[K] };

  constructor(
    method: MethodPlan,
    policy: MethodPolicy,
    budget: ExtraWork,
    pressure: RootPressure,
    metrics: RootTailMetrics,
  ) {
    this.latency = new LatencyWindow(policy.hedge.quantile);
    this.hedging = new Hedging(method, policy.hedge, policy.budget.hedges, this.latency, pressure);
    this.budget = budget;
    this.metrics = metrics;
    this.#wanted = {
      by: policy.balance.by,
      usualMs: 0,
      streaming: method.kind === 'server-streaming',
      now: 0,
      mayProbe: () => {
        const paid = this.budget.take('probe');
        if (!paid) this.metrics.notProbed.inc();
        return paid;
      },
      twice: method.idempotent && method.kind === 'unary',
    };
  }

  /** How long the first attempts of a request may take, in ms; or why none will be hedged. */
  hedgeDelay(now: number, leftMs: number): number | NotHedged {
    const delay = this.hedging.delay(now, leftMs);
    if (delay === 'few_samples' || delay === 'no_time') this.metrics.requestsNotHedged[delay].inc();
    return delay;
  }

  /** What replicas of tasks are chosen by now. Valid until the next call. */
  wanted(now: number): Wanted {
    this.#wanted.usualMs = this.latency.median(now);
    this.#wanted.now = now;
    return this.#wanted;
  }

  /** Why a slow task isn't hedged on that replica; undefined: it is, and is paid for. */
  refusalOf(replica: Replica, step: number, beyondMs: number, now: number): WithheldReason | undefined {
    const refusal = this.hedging.refusal(step, beyondMs, now);
    if (refusal !== undefined) return refusal;
    if (this.hedging.isBusy(replica.worker, beyondMs, now)) return 'replica_busy';
    return this.budget.take('hedge', step) ? undefined : 'budget';
  }

  /** So many primary tasks were sent. */
  began(tasks: number, now: number): void {
    this.hedging.began(tasks, now);
    this.budget.began(tasks, now);
  }
}
