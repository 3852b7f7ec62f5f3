/** Pictures of whole distributions: what a percentile table can't show. */
import { type Distribution, quantile } from '../../ideal/distribution.ts';
import type { Chart, Point } from './chart.ts';
import { logTicks, ninesOf, percentileTicks, plainNumber } from './ticks.ts';

export interface DistributionSeries {
  readonly name: string;
  readonly distribution: Distribution;
  /** How many samples are behind it: a tail is drawn no further than they reach. Absent: calculated, drawn to `nines`. */
  readonly count?: number;
  readonly dashed?: boolean;
  readonly like?: string;
}

/** What calculated curves are drawn to where nothing measured says how far: five nines. */
const idealNines = 5;

/**
 * Latency by percentile, on an x axis of nines: 90, 99 and 99.9 % are equally far apart, so the tail, which a fan-out is made of, takes most of the
 * picture.
 */
export function percentileSpectrum(series: readonly DistributionSeries[], options: CurveOptions = {}): Chart {
  const reach = reachOf(series);
  return {
    name: options.name ?? 'percentiles',
    title: options.title ?? 'Latency by percentile',
    caption:
      options.caption ??
      'Latency by percentile. To the right the slowest requests: each step is ten times rarer.',
    x: {
      title: 'percentile of requests',
      scale: 'linear',
      domain: [0, Math.max(2, reach)],
      ticks: percentileTicks(Math.max(2, reach)),
    },
    panels: [
      {
        y: { title: 'latency, ms', scale: 'log' },
        series: series.map(({ distribution, count, name, dashed, like }) => ({
          name,
          points: spectrumPoints(distribution, reachOfOne(distribution, count, reach)),
          ...(dashed === undefined ? {} : { dashed }),
          ...(like === undefined ? {} : { like }),
        })),
        height: 340,
      },
    ],
  };
}

/** The share of requests that took longer, both axes logarithmic: a tail that follows a power law is a straight line. */
export function tailPicture(series: readonly DistributionSeries[], options: CurveOptions = {}): Chart {
  const reach = Math.max(2, Math.ceil(reachOf(series) - 1e-9));
  const domain: [number, number] = [10 ** -reach, 1];
  const percent = (share: number): string => `${plainNumber(Number((share * 100).toPrecision(3)))} %`;
  return {
    name: options.name ?? 'tail',
    title: options.title ?? 'Share of requests that took longer',
    caption:
      options.caption ??
      'The share of requests that took longer than so many milliseconds (log-log CCDF). Further left and lower is better.',
    x: { title: 'latency, ms', scale: 'log' },
    panels: [
      {
        y: {
          title: 'requests that took longer',
          scale: 'log',
          domain,
          ticks: logTicks(domain, percent).filter((tick) => Number.isInteger(Math.log10(tick.at))),
        },
        series: series.map(({ distribution, count, name, dashed, like }) => ({
          name,
          points: tailPoints(distribution, reachOfOne(distribution, count, reach)),
          ...(dashed === undefined ? {} : { dashed }),
          ...(like === undefined ? {} : { like }),
        })),
        height: 340,
      },
    ],
  };
}

export interface CurveOptions {
  readonly name?: string;
  readonly title?: string;
  readonly caption?: string;
}

function reachOf(series: readonly DistributionSeries[]): number {
  const measured = series.flatMap(({ count }) => (count === undefined ? [] : [Math.log10(2 * count)]));
  return measured.length === 0 ? idealNines : Math.max(...measured);
}

/**
 * The slowest of n stands for the half of the last n-th. Of a calculated curve, the last step says only that nothing slower was seen: it
 * is left out.
 */
function reachOfOne({ cumulative }: Distribution, count: number | undefined, most: number): number {
  if (count !== undefined) return Math.log10(2 * count);
  return Math.min(most, ninesOf(cumulative[cumulative.length - 2] ?? 0) - 1e-9);
}

/** The steps of F, thinned to 300 over the width that the picture has. */
function spectrumPoints(distribution: Distribution, nines: number): Point[] {
  const { values, cumulative } = distribution;
  // The very fastest are no part of the picture: a lucky one would stretch the axis.
  const points: Point[] = [{ x: 0, y: quantile(distribution, 0.01) }];
  const apart = nines / 300;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! <= points[0]!.y) continue;
    const before = i === 0 ? 0 : ninesOf(cumulative[i - 1]!);
    if (before > nines) break;
    const last = points[points.length - 1]!;
    // A value holds from the percentile at which the one before it ends; a flat stretch is drawn as one.
    if (before - last.x >= apart) points.push({ x: before, y: values[i - 1]! });
    const x = Math.min(nines, ninesOf(cumulative[i]!));
    if (x - last.x >= apart || i === values.length - 1) points.push({ x, y: values[i]! });
  }
  return points;
}

/** Steps of 1 − F, thinned to 400 equally far apart on the logarithmic axes. */
function tailPoints(distribution: Distribution, nines: number): Point[] {
  const { values, cumulative } = distribution;
  const first = quantile(distribution, 0.01);
  const points: Point[] = [{ x: first, y: 1 }];
  const span = Math.log10(values[values.length - 1]! / first) || 1;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! <= first) continue;
    const above = i === 0 ? 1 : 1 - cumulative[i - 1]!;
    if (above < 10 ** -nines * 0.999) break;
    const last = points[points.length - 1]!;
    const moved = Math.log10(values[i]! / last.x) / span + Math.log10(last.y / above) / nines;
    if (moved >= 1 / 400 || i === values.length - 1) points.push({ x: values[i]!, y: above });
  }
  return points;
}
