/**
 * The 97.5 % quantile of Student's t, for any degrees of freedom from 1 on. By the expansion of Cornish and Fisher (Abramowitz and Stegun, 26.7.5)
 * from 3 on, where it errs by less than 0.5 %; below, exact values joined by straight lines in 1/df.
 */
export function tQuantile975(degrees: number): number {
  if (!(degrees >= 1)) return tQuantile975(1);
  if (degrees < 3) {
    const [from, to, low, high] = degrees < 2 ? [1, 2, 12.706, 4.303] : [2, 3, 4.303, 3.182];
    const share = (1 / from - 1 / degrees) / (1 / from - 1 / to);
    return low + (high - low) * share;
  }
  const z = 1.959964;
  const v = degrees;
  return (
    z +
    (z ** 3 + z) / (4 * v) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * v ** 3) +
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * v ** 4)
  );
}
