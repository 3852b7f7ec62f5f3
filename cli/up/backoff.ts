/** How long to wait before a process that crashed is started again. */
export interface Backoff {
  /** The delay before the next start of one that lived for `aliveMs`. */
  next(aliveMs: number): number;
}

export interface BackoffOptions {
  /** Default 200 ms: a crash by bad luck is over before anybody notices. */
  readonly firstMs?: number;
  /** Default 15,000 ms: one that crashes for good costs nothing, and is back soon after it was mended. */
  readonly mostMs?: number;
  /** One that lived this long begins anew. Default 30,000 ms. */
  readonly resetAfterMs?: number;
}

export function doublingBackoff(options: BackoffOptions = {}): Backoff {
  const { firstMs = 200, mostMs = 15_000, resetAfterMs = 30_000 } = options;
  let delayMs = firstMs;
  return {
    next(aliveMs) {
      if (aliveMs >= resetAfterMs) delayMs = firstMs;
      const now = delayMs;
      delayMs = Math.min(mostMs, delayMs * 2);
      return now;
    },
  };
}
