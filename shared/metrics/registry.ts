/** The metrics of one process. prom-client writes the text format and brings Node's own metrics (memory, CPU, GC). */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { MetricDefinition } from './definitions.ts';
import { Counter, Family, Gauge, Histogram, type Sample } from './instruments.ts';

export interface MetricJson {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What prom-client's registry asks of a metric when it is scraped. */
interface Scraped {
  readonly name: string;
  get(): Promise<{
    name: string;
    help: string;
    type: string;
    values: { metricName: string; labels: Readonly<Record<string, string>>; value: number }[];
  }>;
}

export class MetricRegistry {
  readonly #prom = new Registry();

  /** `nodeMetrics` adds prom-client's `nodejs_*` and `process_*`. Default true; off in tests that count. */
  constructor(options: { readonly nodeMetrics?: boolean } = {}) {
    if (!(options.nodeMetrics ?? true)) return;
    collectDefaultMetrics({ register: this.#prom });
    for (const { name } of this.#prom.getMetricsAsArray()) {
      // Gauges named like counters: promtool refuses them, and the same numbers are there by type. The lag of the event loop is ours
      // (process.ts); prom-client's is "Nan" until its first sample.
      if (/^nodejs_(active_\w+_total|eventloop_lag_\w+)$/.test(name)) this.#prom.removeSingleMetric(name);
    }
  }

  counter(definition: MetricDefinition): Family<Counter> {
    return this.#add(new Family(definition, () => new Counter()));
  }

  gauge(definition: MetricDefinition): Family<Gauge> {
    return this.#add(new Family(definition, () => new Gauge()));
  }

  histogram(definition: MetricDefinition): Family<Histogram> {
    const { buckets } = definition;
    if (buckets === undefined) throw new RangeError(`Expected buckets for histogram ${definition.name}`);
    return this.#add(new Family(definition, () => new Histogram(buckets)));
  }

  get contentType(): string {
    return this.#prom.contentType;
  }

  /** Prometheus' text format 0.0.4. */
  text(): Promise<string> {
    return this.#prom.metrics();
  }

  async json(): Promise<MetricJson[]> {
    const metrics = (await this.#prom.getMetricsAsJSON()) as unknown as {
      name: string;
      help: string;
      type: string;
      values: { metricName?: string; labels: Record<string, string>; value: number }[];
    }[];
    return metrics.map(({ name, help, type, values }) => ({
      name,
      type,
      help,
      samples: values.map((value) => ({
        name: value.metricName ?? name,
        labels: value.labels,
        value: value.value,
      })),
    }));
  }

  #add<T extends Counter | Gauge | Histogram>(family: Family<T>): Family<T> {
    const { name, help, type } = family.definition;
    const scraped: Scraped = {
      name,
      get: async () => ({
        name,
        help,
        type,
        values: family
          .samples()
          .map((sample) => ({ metricName: sample.name, labels: sample.labels, value: sample.value })),
      }),
    };
    this.#prom.registerMetric(scraped as unknown as Registered);
    return family;
  }
}

type Registered = Parameters<Registry['registerMetric']>[0];
