/**
 * What a fan-out over N shards could reach at best, from the measured distribution F of one leaf call: as if root, network and queues cost
 * nothing and every attempt were drawn from F independently. What is measured lies above; how far is the efficiency.
 *
 * After Dean and Barroso, "The Tail at Scale" (CACM 56(2), 2013): an answer is as slow as its slowest shard.
 */
import { type Distribution, fromFunction, mergeTimes, probabilityBy, quantile } from './distribution.ts';

/** Every shard's one attempt: F^N. */
export function withoutHedge(leaf: Distribution, shards: number): Distribution {
  checkCount('shards', shards);
  return fromFunction(leaf.values, (t) => probabilityBy(leaf, t) ** shards);
}

/**
 * A shard that hasn't answered by `delayMs` gets a second attempt with probability q, and the first to answer counts:
 * [1 − (1 − F(t))(1 − qF(t − d))]^N.
 */
export function hedged(leaf: Distribution, shards: number, delayMs: number, probability = 1): Distribution {
  checkCount('shards', shards);
  if (!(delayMs >= 0)) throw new RangeError(`Expected a delay of 0 ms or more, got ${delayMs}`);
  if (!(probability >= 0 && probability <= 1))
    throw new RangeError(`Expected a probability from 0 to 1, got ${probability}`);
  const secondTimes = leaf.values.map((value) => value + delayMs);
  return fromFunction(mergeTimes(leaf.values, secondTimes), (t) => {
    const first = probabilityBy(leaf, t);
    const second = t < delayMs ? 0 : probability * probabilityBy(leaf, t - delayMs);
    return (1 - (1 - first) * (1 - second)) ** shards;
  });
}

/** Two attempts at once for every shard: [1 − (1 − F)²]^N. */
export function minOfTwo(leaf: Distribution, shards: number): Distribution {
  return hedged(leaf, shards, 0, 1);
}

/** The answer is given when k of N shards have answered: the k-th order statistic. */
export function kOfN(leaf: Distribution, k: number, shards: number): Distribution {
  checkCount('shards', shards);
  checkCount('k', k);
  if (k > shards) throw new RangeError(`Expected k of 1 to ${shards} shards, got ${k}`);
  return fromFunction(leaf.values, (t) => atLeast(k, shards, probabilityBy(leaf, t)));
}

export interface BestHedge {
  readonly delayMs: number;
  /** With which probability a shard that hasn't answered by then gets its second attempt. */
  readonly probability: number;
  /** Second attempts per first attempt: q(1 − F(d)). */
  readonly extraWork: number;
  readonly distribution: Distribution;
}

/**
 * The hedge that makes the answer's quantile lowest with at most `budget` second attempts per first attempt. A delay so short that more
 * than the budget outlive it is paid for with the probability: q = b ÷ (1 − F(d)).
 */
export function bestHedge(leaf: Distribution, shards: number, budget: number, atQuantile: number): BestHedge {
  if (!(budget > 0 && budget <= 1))
    throw new RangeError(`Expected a budget above 0 and up to 1, got ${budget}`);
  const candidates = (times: Iterable<number>): BestHedge => {
    let best: { hedge: Omit<BestHedge, 'distribution'>; value: number } | undefined;
    for (const delayMs of times) {
      const outlive = 1 - probabilityBy(leaf, delayMs);
      const probability = outlive <= budget ? 1 : budget / outlive;
      const value = hedgedQuantile(leaf, shards, delayMs, probability, atQuantile);
      if (best === undefined || value < best.value)
        best = { hedge: { delayMs, probability, extraWork: probability * outlive }, value };
    }
    const { hedge } = best!;
    return { ...hedge, distribution: hedged(leaf, shards, hedge.delayMs, hedge.probability) };
  };
  const coarse = candidates(spread(0, quantile(leaf, atQuantile ** (1 / shards)), 200));
  const step = quantile(leaf, atQuantile ** (1 / shards)) / 200;
  return candidates(spread(Math.max(0, coarse.delayMs - step), coarse.delayMs + step, 100));
}

/** η = ideal ÷ measured, per quantile: 1 is as good as it gets. */
export function efficiency(
  ideal: Distribution,
  measured: Distribution,
  quantiles: readonly number[],
): { readonly quantile: number; readonly efficiency: number }[] {
  return quantiles.map((q) => ({ quantile: q, efficiency: quantile(ideal, q) / quantile(measured, q) }));
}

/** The quantile of `hedged` without its whole distribution: the least t with F(t) ≥ q, by bisection over time. */
function hedgedQuantile(leaf: Distribution, shards: number, delayMs: number, q: number, at: number): number {
  const needed = at ** (1 / shards);
  let low = 0;
  let high = leaf.values[leaf.values.length - 1]!;
  while (high - low > 1e-6 * high) {
    const t = (low + high) / 2;
    const second = t < delayMs ? 0 : q * probabilityBy(leaf, t - delayMs);
    if (1 - (1 - probabilityBy(leaf, t)) * (1 - second) >= needed) high = t;
    else low = t;
  }
  return high;
}

function* spread(from: number, to: number, count: number): Iterable<number> {
  for (let i = 0; i <= count; i++) yield from + ((to - from) * i) / count;
}

/** P(at least k of n succeed), each with probability p; terms in logarithms, because C(1000, 500) is no double. */
function atLeast(k: number, n: number, p: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  let logChoose = 0;
  let sum = 0;
  for (let i = 0; i <= n; i++) {
    if (i > 0) logChoose += Math.log((n - i + 1) / i);
    if (i >= k) sum += Math.exp(logChoose + i * Math.log(p) + (n - i) * Math.log1p(-p));
  }
  return Math.min(1, sum);
}

function checkCount(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`Expected ${what} to be a whole number of 1 or more, got ${value}`);
}
