/** What Regather's root counts by itself, from its admin port. */

interface MetricJson {
  readonly name: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

/** Of the process's start until now: take two and subtract. */
export interface RootCounts {
  /** Requests with a deadline, and those of them whose status was handed over more than 10 ms after it. */
  readonly due: number;
  readonly late: number;
}

const overshoot = 'regather_root_deadline_overshoot_seconds';

export async function rootCounts(admin: string): Promise<RootCounts> {
  const response = await fetch(`http://${admin}/metrics`, {
    headers: { accept: 'application/json', connection: 'close' },
  });
  const metrics = (await response.json()) as MetricJson[] | { metrics: MetricJson[] };
  const all = Array.isArray(metrics) ? metrics : metrics.metrics;
  const samples = all.find(({ name }) => name === overshoot)?.samples;
  if (samples === undefined) throw new Error(`The root at ${admin} has no ${overshoot}`);
  const sum = (suffix: string, le?: string): number =>
    samples
      .filter(({ name, labels }) => name === overshoot + suffix && (le === undefined || labels.le === le))
      .reduce((total, { value }) => total + value, 0);
  const due = sum('_count');
  return { due, late: due - sum('_bucket', '0.01') };
}
