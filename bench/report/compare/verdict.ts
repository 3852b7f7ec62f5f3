/** What a comparison says of one metric. */
import type { Interval } from './interval.ts';

export interface ComparedMetric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  readonly by: 'ratio' | 'difference';
}

export type Verdict = 'no difference' | 'better' | 'worse' | 'unclear';

export interface Finding {
  readonly metric: ComparedMetric;
  readonly before: number;
  readonly after: number;
  /** After ÷ before, or after − before for a share. */
  readonly change: number;
  /** Of the change, at 95 %; undefined where it is unclear. */
  readonly interval: Interval | undefined;
  readonly verdict: Verdict;
  /** Why it is unclear. */
  readonly why?: string;
}

export function findingOf(
  metric: ComparedMetric,
  before: number,
  after: number,
  interval: Interval,
): Finding {
  const none = metric.by === 'ratio' ? 1 : 0;
  const change = changeOf(metric, before, after);
  const less = interval.high < none;
  const more = interval.low > none;
  const verdict = !less && !more ? 'no difference' : less === (metric.better === 'less') ? 'better' : 'worse';
  return { metric, before, after, change, interval, verdict };
}

export function unclear(metric: ComparedMetric, before: number, after: number, why: string): Finding {
  return {
    metric,
    before,
    after,
    change: changeOf(metric, before, after),
    interval: undefined,
    verdict: 'unclear',
    why,
  };
}

function changeOf(metric: ComparedMetric, before: number, after: number): number {
  return metric.by === 'ratio' ? after / before : after - before;
}
