/** What a root counts of the slow and failed tasks of one method, and of the budget that pays for doing something about them. */
import { rootDefinitions } from './definitions.ts';
import { type Counter, type Gauge, record } from './instruments.ts';
import type { MetricRegistry } from './registry.ts';

/** Why tasks that outlived the delay weren't hedged. */
export const notHedged = [
  'no_replica',
  'replica_busy',
  'budget',
  'root_late',
  'root_full',
  'all_slow',
] as const;
export type WithheldReason = (typeof notHedged)[number];
/** Why none of a request's tasks will be hedged, however slow. */
export const requestsNotHedged = ['few_samples', 'no_time'] as const;
/** Why failed tasks that may be tried again weren't. */
export const notRetried = ['no_replica', 'budget'] as const;
export const purses = ['hedge', 'retry', 'all'] as const;

export interface RootTailMetrics {
  readonly hedges: Counter;
  /** Hedges that answered before the first attempt. */
  readonly hedgesWon: Counter;
  readonly notHedged: Readonly<Record<WithheldReason, Counter>>;
  readonly requestsNotHedged: Readonly<Record<(typeof requestsNotHedged)[number], Counter>>;
  /** Probes that there was no budget for. */
  readonly notProbed: Counter;
  readonly notRetried: Readonly<Record<(typeof notRetried)[number], Counter>>;
  readonly hedgeDelay: Gauge;
}

export interface TailFamilies {
  method(name: string): RootTailMetrics;
  /** `budget`: "root", or the method that has one of its own. */
  tokens(budget: string): Readonly<Record<(typeof purses)[number], Gauge>>;
  /** Called before gauges are read. */
  beforeScrape(set: () => void): void;
}

export function tailFamilies(registry: MetricRegistry): TailFamilies {
  const hedges = registry.counter(rootDefinitions.hedges);
  const hedgesWon = registry.counter(rootDefinitions.hedgesWon);
  const withheld = registry.counter(rootDefinitions.notHedged);
  const requests = registry.counter(rootDefinitions.requestsNotHedged);
  const notProbed = registry.counter(rootDefinitions.notProbed);
  const failed = registry.counter(rootDefinitions.notRetried);
  const hedgeDelay = registry.gauge(rootDefinitions.hedgeDelay);
  const tokens = registry.gauge(rootDefinitions.extraWorkTokens);
  return {
    method: (name) => ({
      hedges: hedges.child(name),
      hedgesWon: hedgesWon.child(name),
      notHedged: record(notHedged, (reason) => withheld.child(name, reason)),
      requestsNotHedged: record(requestsNotHedged, (reason) => requests.child(name, reason)),
      notProbed: notProbed.child(name),
      notRetried: record(notRetried, (reason) => failed.child(name, reason)),
      hedgeDelay: hedgeDelay.child(name),
    }),
    tokens: (budget) => record(purses, (purse) => tokens.child(budget, purse)),
    beforeScrape(set) {
      hedgeDelay.collect = set;
      tokens.collect = set;
    },
  };
}
