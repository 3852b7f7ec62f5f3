/** The tails of all methods, the budgets that they share, and what /metrics and /statusz tell of them. */
import type { Clock } from '../../shared/clock.ts';
import type { TailFamilies } from '../../shared/metrics/root-tail.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import type { Policies } from '../policy.ts';
import { ExtraWork } from './budget.ts';
import type { RootPressure } from './hedge.ts';
import { MethodTail } from './method-tail.ts';

export class Tails {
  readonly #clock: Clock;
  readonly #methods = new Map<string, MethodTail>();
  /** By "root" or the method that has one of its own. */
  readonly #budgets = new Map<string, ExtraWork>();

  constructor(
    methods: readonly MethodPlan[],
    policies: Policies,
    clock: Clock,
    pressure: RootPressure,
    metrics: TailFamilies,
  ) {
    this.#clock = clock;
    this.#budgets.set('root', new ExtraWork(policies.root.budget, clock));
    for (const method of methods) {
      const policy = policies.methods.get(method.name)!;
      const owner = policy.budget === policies.root.budget ? 'root' : method.name;
      let budget = this.#budgets.get(owner);
      if (budget === undefined) {
        budget = new ExtraWork(policy.budget, clock);
        this.#budgets.set(owner, budget);
      }
      const tail = new MethodTail(method, policy, budget, pressure, metrics.method(method.name));
      this.#methods.set(method.name, tail);
    }
    const tokens = [...this.#budgets].map(([owner, budget]) => ({ budget, gauges: metrics.tokens(owner) }));
    metrics.beforeScrape(() => {
      const now = clock.now();
      for (const tail of this.#methods.values()) {
        const delayMs = tail.hedging.delay(now, Number.POSITIVE_INFINITY);
        tail.metrics.hedgeDelay.set(typeof delayMs === 'number' ? delayMs / 1000 : 0);
      }
      for (const { budget, gauges } of tokens) {
        gauges.hedge.set(budget.tokens.hedge);
        gauges.retry.set(budget.tokens.retry);
        gauges.all.set(budget.tokens.all);
      }
    });
  }

  of(method: string): MethodTail {
    return this.#methods.get(method)!;
  }

  status(): object {
    const now = this.#clock.now();
    return {
      extraWork: Object.fromEntries(
        [...this.#budgets].map(([owner, { tokens, spent }]) => [owner, { tokens, spent }]),
      ),
      hedging: Object.fromEntries(
        [...this.#methods].map(([name, { hedging, latency }]) => {
          const delay = hedging.delay(now, Number.POSITIVE_INFINITY);
          const median = latency.median(now);
          return [name, typeof delay === 'number' ? { delayMs: delay, medianMs: median } : { off: delay }];
        }),
      ),
    };
  }
}
