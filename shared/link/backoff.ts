/** How long to wait before the next try: doubled each time, with jitter so that roots don't come back together. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0 … 1, like Math.random. */
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #tries = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Between half and all of the step ("equal jitter"): never at once, never together. */
  next(): number {
    const { firstMs, maxMs, random } = this.#options;
    const step = Math.min(maxMs, firstMs * 2 ** Math.min(this.#tries, 30));
    this.#tries++;
    return step * (0.5 + random() / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}
