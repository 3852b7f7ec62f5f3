/** How far the blocks of a run depend on those before them: what decides how long a stretch of them is resampled together. */

/**
 * The correlation of each value with the next one, with what a short series hides of it added back (Kendall, "Note on bias in the estimation of
 * autocorrelation", Biometrika 41, 1954). 0 for a series that is constant or shorter than 4.
 */
export function persistence(series: readonly number[]): number {
  const n = series.length;
  if (n < 4) return 0;
  const mean = series.reduce((sum, value) => sum + value, 0) / n;
  let variance = 0;
  let covariance = 0;
  for (let i = 0; i < n; i++) {
    variance += (series[i]! - mean) ** 2;
    if (i > 0) covariance += (series[i]! - mean) * (series[i - 1]! - mean);
  }
  if (variance <= 1e-12 * n * mean * mean || variance === 0) return 0;
  const seen = covariance / variance;
  return Math.max(0, Math.min(0.95, seen + (1 + 3 * seen) / n));
}

/**
 * How many neighbouring blocks are drawn together, for blocks that follow an AR(1) process of that persistence (Politis and White, "Automatic
 * block-length selection for the dependent bootstrap", Econometric Reviews 23, 2004, for the circular bootstrap). At most a sixth of them.
 */
export function stretchLength(rho: number, blocks: number): number {
  const g = rho / (1 - rho * rho);
  const best = Math.cbrt(6 * g * g * blocks);
  return Math.max(1, Math.min(Math.round(best), Math.floor(blocks / 6)));
}

/** How many independent blocks so many dependent ones are worth, for the mean of an AR(1) process. At least 2. */
export function independentPieces(rho: number, blocks: number): number {
  return Math.max(2, (blocks * (1 - rho)) / (1 + rho));
}

/**
 * By how much a bootstrap that draws stretches of `length` blocks underrates the variance of the mean of an AR(1) process: it knows nothing of
 * correlation beyond a stretch. The process's own sum of correlations over that of a stretch; 1 for independent blocks.
 */
export function hiddenVariance(rho: number, length: number): number {
  let within = 1;
  for (let k = 1; k < length; k++) within += 2 * (1 - k / length) * rho ** k;
  return (1 + rho) / (1 - rho) / within;
}
