import type { Measured } from '../report/report.ts';

/** Collects a sample per round of each arm's metrics. */
export class Samples {
  readonly #of = new Map<string, Measured & { readonly samples: number[] }>();

  add(arm: string, condition: string, metric: string, unit: string, value: number): void {
    const key = `${arm}/${condition}/${metric}`;
    const known = this.#of.get(key);
    if (known === undefined) this.#of.set(key, { arm, condition, metric, unit, samples: [value] });
    else known.samples.push(value);
  }

  get all(): Measured[] {
    return [...this.#of.values()];
  }
}
