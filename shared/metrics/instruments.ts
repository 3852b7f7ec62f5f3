/**
 * Counters, gauges and histograms as plain numbers, read when somebody scrapes. prom-client's own children hash their labels on
 * every call (0.4 µs); an addition to a held field costs a nanosecond, and an answer makes dozens.
 */
import type { MetricDefinition } from './definitions.ts';

export class Counter {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
}

export class Gauge {
  value = 0;
  set(value: number): void {
    this.value = value;
  }
  inc(by = 1): void {
    this.value += by;
  }
  dec(by = 1): void {
    this.value -= by;
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** Per bucket, not cumulative; the last is +Inf. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.counts[at]!++;
    this.sum += value;
  }
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Series of one metric beyond which new label values share the series `other`: a bound on memory and on the scrape. */
export const maxSeries = 2000;

/** One metric with its children, by label values. `child` is for start-up and changes of topology; hold what it returns. */
export class Family<T extends Counter | Gauge | Histogram> {
  readonly definition: MetricDefinition;
  /** Called before a scrape, for gauges that are read rather than kept. */
  collect: (() => void) | undefined;
  readonly #make: () => T;
  readonly #children = new Map<string, { labels: Record<string, string>; instrument: T }>();

  constructor(definition: MetricDefinition, make: () => T) {
    this.definition = definition;
    this.#make = make;
    if (definition.labels.length === 0) this.child();
  }

  child(...values: string[]): T {
    const { labels, name } = this.definition;
    if (values.length !== labels.length) {
      throw new RangeError(`Expected ${labels.length} label values of ${name}, got ${values.length}`);
    }
    const key = values.join('\u0000');
    const known = this.#children.get(key);
    if (known !== undefined) return known.instrument;
    if (this.#children.size >= maxSeries && values.some((value) => value !== 'other')) {
      return this.child(...values.map(() => 'other'));
    }
    const named: Record<string, string> = {};
    for (let i = 0; i < labels.length; i++) named[labels[i]!] = values[i]!;
    const instrument = this.#make();
    this.#children.set(key, { labels: named, instrument });
    return instrument;
  }

  /** Forgets the series whose label has that value: a worker that left the topology. */
  forget(label: string, value: string): void {
    for (const [key, child] of this.#children) {
      if (child.labels[label] === value) this.#children.delete(key);
    }
  }

  samples(): Sample[] {
    this.collect?.();
    const samples: Sample[] = [];
    const { name } = this.definition;
    for (const { labels, instrument } of this.#children.values()) {
      if (instrument instanceof Histogram) histogramSamples(name, labels, instrument, samples);
      else samples.push({ name, labels, value: instrument.value });
    }
    return samples;
  }
}

function histogramSamples(
  name: string,
  labels: Record<string, string>,
  { bounds, counts, sum }: Histogram,
  samples: Sample[],
): void {
  let count = 0;
  for (let i = 0; i < counts.length; i++) {
    count += counts[i]!;
    const le = i < bounds.length ? String(bounds[i]) : '+Inf';
    samples.push({ name: `${name}_bucket`, labels: { ...labels, le }, value: count });
  }
  samples.push({ name: `${name}_sum`, labels, value: sum }, { name: `${name}_count`, labels, value: count });
}

/** One instrument for each of a closed set of label values. */
export function record<K extends string, V>(keys: readonly K[], make: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;
}
