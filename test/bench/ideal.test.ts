/** Ideal curves: laws that hold for any distribution, and agreement with simulated fan-outs. */
import test from 'ava';
import fc from 'fast-check';
import { bestHedge, efficiency, hedged, kOfN, minOfTwo, withoutHedge } from '../../bench/ideal/curves.ts';
import {
  type Distribution,
  distributionOf,
  distributionOfSamples,
  mean,
  probabilityBy,
  quantile,
} from '../../bench/ideal/distribution.ts';
import { seededRandom } from '../../bench/load/random.ts';

const samples = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 });
const leaf = samples.map((values) => distributionOfSamples(values));
const shards = fc.integer({ min: 1, max: 50 });
const delay = fc.integer({ min: 0, max: 1000 });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const times = [0, 1, 2, 5, 10, 50, 100, 300, 500, 700, 900, 1000, 1500, 2000];

function isDistribution({ values, cumulative }: Distribution): boolean {
  return (
    values.length > 0 &&
    values.every((value, i) => i === 0 || value > values[i - 1]!) &&
    cumulative.every((p, i) => p > 0 && (i === 0 || p > cumulative[i - 1]!)) &&
    cumulative.at(-1) === 1
  );
}

/** F ≥ G everywhere: never slower. */
function neverSlower(faster: Distribution, slower: Distribution): boolean {
  return times.every((t) => probabilityBy(faster, t) >= probabilityBy(slower, t) - 1e-9);
}

const same = (a: Distribution, b: Distribution): boolean => neverSlower(a, b) && neverSlower(b, a);

test('F is the share of samples, and the quantile its inverse', (t) => {
  fc.assert(
    fc.property(samples, share, (values, q) => {
      const d = distributionOfSamples(values);
      const by = probabilityBy(d, values[0]!);
      const expected = values.filter((value) => value <= values[0]!).length / values.length;
      const at = quantile(d, Math.max(q, 1e-9));
      return (
        isDistribution(d) &&
        Math.abs(by - expected) < 1e-12 &&
        probabilityBy(d, at) >= q - 1e-9 &&
        values.includes(at)
      );
    }),
  );
  t.is(quantile(distributionOfSamples([1, 2, 3, 4]), 0.5), 2);
  t.is(mean(distributionOfSamples([1, 2, 3, 6])), 3);
  t.is(probabilityBy(distributionOfSamples([2]), 1.9), 0);
});

test('counts that are nothing or values that fall are refused', (t) => {
  t.throws(() => distributionOf([1, 2], [0, 0]), { message: /at least one sample/ });
  t.throws(() => distributionOf([2, 1], [1, 1]), { message: /got 1 after 2/ });
  const d = distributionOfSamples([1]);
  t.throws(() => quantile(d, 0), { instanceOf: RangeError });
  t.throws(() => withoutHedge(d, 0), { message: /shards.*got 0/ });
  t.throws(() => hedged(d, 1, -1), { message: /delay.*got -1/ });
  t.throws(() => hedged(d, 1, 1, 2), { message: /probability.*got 2/ });
  t.throws(() => kOfN(d, 3, 2), { message: /k of 1 to 2 shards, got 3/ });
  t.throws(() => bestHedge(d, 1, 0, 0.9), { message: /budget.*got 0/ });
});

test('every curve is a distribution, and more work never makes it slower', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(leaf, shards, delay, delay, share, (d, n, early, more, q) => {
        const none = withoutHedge(d, n);
        const late = hedged(d, n, early + more, q);
        const soon = hedged(d, n, early, q);
        const sure = hedged(d, n, early);
        const two = minOfTwo(d, n);
        return (
          [none, late, soon, sure, two].every(isDistribution) &&
          neverSlower(late, none) &&
          neverSlower(soon, late) &&
          neverSlower(sure, soon) &&
          neverSlower(two, sure)
        );
      }),
    ),
  );
});

test('edge cases are what they must be', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(leaf, shards, delay, (d, n, delayMs) => {
        const slowest = d.values.at(-1)!;
        return (
          same(withoutHedge(d, 1), d) &&
          same(hedged(d, n, delayMs, 0), withoutHedge(d, n)) &&
          same(hedged(d, n, slowest), withoutHedge(d, n)) &&
          same(kOfN(d, n, n), withoutHedge(d, n)) &&
          // One of n: none may be late.
          times.every(
            (at) => Math.abs(probabilityBy(kOfN(d, 1, n), at) - (1 - (1 - probabilityBy(d, at)) ** n)) < 1e-9,
          ) &&
          same(kOfN(d, 1, 2), minOfTwo(d, 1))
        );
      }),
    ),
  );
});

test('fewer shards to wait for, sooner an answer', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(leaf, fc.integer({ min: 2, max: 30 }), (d, n) => {
        for (let k = 2; k <= n; k++) if (!neverSlower(kOfN(d, k - 1, n), kOfN(d, k, n))) return false;
        return true;
      }),
      { numRuns: 30 },
    ),
  );
});

test('k of a thousand is a number', (t) => {
  const d = distributionOfSamples([1, 2, 3, 4]);
  const p = probabilityBy(kOfN(d, 500, 1000), 2);
  // P(Binomial(1000, ½) ≥ 500) = ½ + C(1000, 500) ÷ 2^1001.
  t.true(Math.abs(p - (0.5 + 0.02522502 / 2)) < 1e-6);
});

test('the best hedge keeps its budget and beats every other within it', (t) => {
  const random = seededRandom(7);
  const d = distributionOfSamples(
    Array.from(
      { length: 2000 },
      () => Math.round((5 + 10 * random()) * (random() < 0.03 ? 20 : 1) * 100) / 100,
    ),
  );
  for (const budget of [0.01, 0.05, 0.3, 1]) {
    const best = bestHedge(d, 16, budget, 0.99);
    t.true(best.extraWork <= budget + 1e-9);
    const reached = quantile(best.distribution, 0.99);
    t.true(reached <= quantile(withoutHedge(d, 16), 0.99));
    for (let delayMs = 0; delayMs < 320; delayMs += 3) {
      const outlive = 1 - probabilityBy(d, delayMs);
      const other = hedged(d, 16, delayMs, outlive <= budget ? 1 : budget / outlive);
      t.true(reached <= quantile(other, 0.99) * 1.01, `budget ${budget}, delay ${delayMs}`);
    }
  }
  t.is(quantile(bestHedge(d, 16, 1, 0.99).distribution, 0.99), quantile(minOfTwo(d, 16), 0.99));
});

test('simulated fan-outs agree with the curves', (t) => {
  const random = seededRandom(11);
  const attempts = Array.from(
    { length: 5000 },
    () => Math.round((2 + 8 * random()) * (random() < 0.02 ? 15 : 1) * 1000) / 1000,
  );
  const d = distributionOfSamples(attempts);
  const draw = (): number => attempts[Math.floor(random() * attempts.length)]!;
  const trials = 20_000;
  const simulate = (n: number, combine: (shards: number[]) => number, shard: () => number): number[] =>
    Array.from({ length: trials }, () => combine(Array.from({ length: n }, shard)));
  const slowest = (all: number[]): number => Math.max(...all);
  const nth = (k: number) => (all: number[]) => all.sort((a, b) => a - b)[k - 1]!;
  const hedge = (delayMs: number, q: number) => () => {
    const first = draw();
    return first > delayMs && random() < q ? Math.min(first, delayMs + draw()) : first;
  };
  const cases: [string, Distribution, number[]][] = [
    ['no hedge', withoutHedge(d, 16), simulate(16, slowest, draw)],
    ['hedge at 9 ms', hedged(d, 16, 9), simulate(16, slowest, hedge(9, 1))],
    ['half of the hedges at 6 ms', hedged(d, 16, 6, 0.5), simulate(16, slowest, hedge(6, 0.5))],
    ['two at once', minOfTwo(d, 16), simulate(16, slowest, () => Math.min(draw(), draw()))],
    ['14 of 16', kOfN(d, 14, 16), simulate(16, nth(14), draw)],
  ];
  for (const [name, ideal, measured] of cases) {
    const seen = distributionOfSamples(measured);
    let apart = 0;
    for (const at of seen.values)
      apart = Math.max(apart, Math.abs(probabilityBy(seen, at) - probabilityBy(ideal, at)));
    // Kolmogorov and Smirnov's bound at 1 in 1000; seeded, so it holds always or never.
    t.true(apart < 1.95 / Math.sqrt(trials), `${name}: ${apart}`);
  }
});

test('efficiency is ideal over measured', (t) => {
  const ideal = distributionOfSamples([1, 2, 3, 4]);
  const measured = distributionOfSamples([2, 4, 6, 8]);
  t.deepEqual(efficiency(ideal, measured, [0.5, 1]), [
    { quantile: 0.5, efficiency: 0.5 },
    { quantile: 1, efficiency: 0.5 },
  ]);
});
