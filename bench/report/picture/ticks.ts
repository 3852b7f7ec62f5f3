/** Ticks for logarithmic axes and for percentiles, which drawing libraries label too densely or not at all. */
import type { Tick } from './chart.ts';

/** From the 1-2-5 step below the least value to the one above the greatest: no line runs on the frame. */
export function logDomain(values: Iterable<number>): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let greatest = 0;
  for (const value of values) {
    if (!(value > 0)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (greatest === 0) return [1, 10];
  const from = stepDown(least * 0.97);
  const to = stepUp(greatest * 1.03);
  return from < to ? [from, to] : [from / 10, to];
}

/** 1-2-5 over up to two and a half decades, 1-3 up to four, then only powers of ten. */
export function logTicks([from, to]: readonly [number, number], label: (value: number) => string): Tick[] {
  const decades = Math.log10(to / from);
  const steps = decades <= 2.5 ? [1, 2, 5] : decades <= 4 ? [1, 3] : [1];
  const ticks: Tick[] = [];
  for (let exponent = Math.floor(Math.log10(from) + 1e-9); 10 ** exponent <= to * 1.0001; exponent++) {
    for (const step of steps) {
      const at = Number(`${step}e${exponent}`);
      if (at >= from * 0.9999 && at <= to * 1.0001) ticks.push({ at, label: label(at) });
    }
  }
  return ticks;
}

/** 0.05, 2.5, 1,000: without zeros at the end. */
export function plainNumber(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 6 });
}

/** How many nines a quantile has: 0.9 → 1, 0.999 → 3; the x of percentile pictures, on which the tail takes its room. */
export function ninesOf(quantile: number): number {
  return -Math.log10(1 - quantile);
}

export function quantileOf(nines: number): number {
  return 1 - 10 ** -nines;
}

/** 0, 50 %, 90 %, 99 % … as far as `nines`. */
export function percentileTicks(nines: number): Tick[] {
  const ticks = [
    { at: 0, label: '0 %' },
    { at: ninesOf(0.5), label: '50 %' },
  ];
  for (let n = 1; n <= nines + 1e-9; n++) {
    const digits = Math.max(0, n - 2);
    ticks.push({ at: n, label: `${(100 - 10 ** (2 - n)).toFixed(digits)} %` });
  }
  return ticks;
}

function stepDown(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  const step = [5, 2, 1].find((s) => s * decade <= value * 1.0001) ?? 1;
  return Number((step * decade).toPrecision(1));
}

function stepUp(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((s) => s * decade >= value * 0.9999) ?? 10;
  return Number((step * decade).toPrecision(1));
}
