/**
 * A distribution of latency as the steps of its F: P(T ≤ values[i]) = cumulative[i], and F is flat in between. Both rise strictly and
 * the last cumulative is 1. Everything here and in this folder is a pure function of such steps.
 */
export interface Distribution {
  readonly values: Float64Array;
  readonly cumulative: Float64Array;
}

/** From values that rise and how often each was seen; those never seen are left out. */
export function distributionOf(values: ArrayLike<number>, counts: ArrayLike<number>): Distribution {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  if (!(total > 0)) throw new RangeError('Expected at least one sample for a distribution, got none');
  const seen: number[] = [];
  const cumulative: number[] = [];
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! === 0) continue;
    if (seen.length > 0 && !(values[i]! > seen[seen.length - 1]!)) {
      throw new RangeError(`Expected values that rise, got ${values[i]} after ${seen[seen.length - 1]}`);
    }
    sum += counts[i]!;
    seen.push(values[i]!);
    cumulative.push(sum / total);
  }
  return stepsOf(seen, cumulative);
}

/** From single samples, in any order. */
export function distributionOfSamples(samples: Iterable<number>): Distribution {
  const counts = new Map<number, number>();
  for (const sample of samples) counts.set(sample, (counts.get(sample) ?? 0) + 1);
  const values = [...counts.keys()].sort((a, b) => a - b);
  return distributionOf(
    values,
    values.map((value) => counts.get(value)!),
  );
}

/** From pairs of a value and F there; both rise, and the last F counts as 1. */
export function distributionOfSteps(
  steps: readonly (readonly [value: number, share: number])[],
): Distribution {
  if (steps.length === 0) throw new RangeError('Expected at least one step for a distribution, got none');
  return stepsOf(
    steps.map(([value]) => value),
    steps.map(([, share]) => share),
  );
}

/** F(t). */
export function probabilityBy(distribution: Distribution, t: number): number {
  const index = firstIndex(distribution.values, (value) => value > t);
  return index === 0 ? 0 : distribution.cumulative[index - 1]!;
}

/** The least t with F(t) ≥ q, for q in (0, 1]. */
export function quantile(distribution: Distribution, q: number): number {
  if (!(q > 0 && q <= 1)) throw new RangeError(`Expected a quantile above 0 and up to 1, got ${q}`);
  // Sums of fractions miss 1 and its like by the last bits.
  const index = firstIndex(distribution.cumulative, (value) => value >= q - 1e-12);
  return distribution.values[Math.min(index, distribution.values.length - 1)]!;
}

export function mean(distribution: Distribution): number {
  let sum = 0;
  let before = 0;
  for (let i = 0; i < distribution.values.length; i++) {
    sum += distribution.values[i]! * (distribution.cumulative[i]! - before);
    before = distribution.cumulative[i]!;
  }
  return sum;
}

/** The distribution with F(t) = `at(t)` for each of `times`, which must hold every t where F steps, and rise. */
export function fromFunction(times: ArrayLike<number>, at: (t: number) => number): Distribution {
  const values: number[] = [];
  const cumulative: number[] = [];
  let last = 0;
  for (let i = 0; i < times.length; i++) {
    const p = Math.min(1, at(times[i]!));
    if (p <= last) continue;
    values.push(times[i]!);
    cumulative.push(p);
    last = p;
  }
  return stepsOf(values, cumulative);
}

/** All values of both, each once, rising. */
export function mergeTimes(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const merged = new Float64Array(a.length + b.length);
  let length = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const next = j >= b.length || (i < a.length && a[i]! <= b[j]!) ? a[i++]! : b[j++]!;
    if (length === 0 || next > merged[length - 1]!) merged[length++] = next;
  }
  return merged.subarray(0, length);
}

function stepsOf(values: number[], cumulative: number[]): Distribution {
  // Whatever the arithmetic lost at the end: some request was the slowest.
  cumulative[cumulative.length - 1] = 1;
  return { values: Float64Array.from(values), cumulative: Float64Array.from(cumulative) };
}

/** The first index whose value satisfies a condition that holds from some index on; the length if none does. */
function firstIndex(sorted: Float64Array, holds: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
