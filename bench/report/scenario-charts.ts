/** Which pictures a scenario's report gives. */
import { efficiency } from '../ideal/curves.ts';
import { type Distribution, distributionOfSteps } from '../ideal/distribution.ts';
import { decodeHistogram, distributionOfHistogram } from './histogram.ts';
import type { Chart, Series } from './picture/chart.ts';
import { type DistributionSeries, percentileSpectrum, tailPicture } from './picture/curves.ts';
import { plainNumber } from './picture/ticks.ts';
import { type Measured, type Report, type ReportCurve, spreadOf } from './report.ts';
import { conditionsOf } from './table.ts';

/** Steps that a picture can show: more would only fill the file. */
const mostSteps = 300;

/** A calculated distribution for `Report.curves`: thinned in the tail's own measure, so that its rare end stays. */
export function curveOf(
  condition: string,
  name: string,
  distribution: Distribution,
  like?: string,
): ReportCurve {
  const { values, cumulative } = distribution;
  const steps: [number, number][] = [];
  let lastNines = Number.NEGATIVE_INFINITY;
  const apart = 6 / mostSteps;
  for (let i = 0; i < values.length; i++) {
    const nines = -Math.log10(1 - cumulative[i]!);
    if (nines - lastNines < apart && i < values.length - 2) continue;
    steps.push([Number(values[i]!.toPrecision(4)), Number(cumulative[i]!.toFixed(8))]);
    lastNines = nines;
  }
  return { condition, name, steps: rising(steps), ...(like === undefined ? {} : { like }) };
}

/** Two steps that rounding made one are one, with the later share. */
function rising(steps: readonly [number, number][]): [number, number][] {
  const kept: [number, number][] = [];
  for (const step of steps) {
    const last = kept[kept.length - 1];
    if (last !== undefined && last[0] === step[0]) last[1] = step[1];
    else if (last === undefined || step[1] > last[1]) kept.push([...step]);
  }
  return kept;
}

/** Names begin with the scenario's, because the pictures of all scenarios share a folder. */
export function chartsOfReport(report: Report): Chart[] {
  return [...againstNumbers(report), ...ofDistributions(report), ...(report.charts ?? [])].map((chart) => ({
    ...chart,
    name: `${report.scenario}-${chart.name}`,
  }));
}

function ofDistributions(report: Report): Chart[] {
  const conditions = [...new Set((report.distributions ?? []).map((one) => one.condition))];
  return conditions.flatMap((condition) => {
    const series = seriesOf(report, condition);
    if (series.length === 0) return [];
    const suffix = condition === '' ? '' : `-${slug(condition)}`;
    const under = condition === '' ? '' : `, ${condition}`;
    return [
      percentileSpectrum(series, {
        name: `percentiles${suffix}`,
        title: `Latency by percentile${under}`,
      }),
      tailPicture(series, {
        name: `tail${suffix}`,
        title: `Share of requests that took longer${under}`,
      }),
    ];
  });
}

/** The measured arms, each followed by what is ideal for it. */
function seriesOf(report: Report, condition: string): DistributionSeries[] {
  const measured = (report.distributions ?? []).flatMap(({ arm, histogram, condition: of }) => {
    if (of !== condition) return [];
    const decoded = decodeHistogram(histogram);
    const distribution = distributionOfHistogram(decoded);
    return distribution === undefined ? [] : [{ name: arm, distribution, count: decoded.totalCount }];
  });
  const curves = (report.curves ?? []).filter((curve) => curve.condition === condition);
  const drawn = curves.map(
    ({ name, like, steps }): DistributionSeries => ({
      name,
      distribution: distributionOfSteps(steps),
      dashed: true,
      ...(measured.some((one) => one.name === like) ? { like: like! } : {}),
    }),
  );
  return [
    ...measured.flatMap((one) => [one, ...drawn.filter((curve) => curve.like === one.name)]),
    ...drawn.filter((curve) => curve.like === undefined),
  ];
}

export interface Efficiency {
  readonly arm: string;
  readonly condition: string;
  readonly ideal: string;
  readonly quantile: number;
  /** Ideal ÷ measured. */
  readonly efficiency: number;
}

/** η for each curve that is the ideal of an arm. */
export function efficienciesOf(report: Report, quantiles: readonly number[]): Efficiency[] {
  return (report.curves ?? []).flatMap(({ name, like, condition, steps }) => {
    const measured = (report.distributions ?? []).find(
      (one) => one.arm === like && one.condition === condition,
    );
    const distribution =
      measured === undefined ? undefined : distributionOfHistogram(decodeHistogram(measured.histogram));
    if (like === undefined || distribution === undefined) return [];
    return efficiency(distributionOfSteps(steps), distribution, quantiles).map((one) => ({
      arm: like,
      condition,
      ideal: name,
      ...one,
    }));
  });
}

/** "16 shards", "64 shards" …: headline metrics against the number, a line for each arm. */
function againstNumbers(report: Report): Chart[] {
  const numbered = conditionsOf(report).flatMap((condition) => {
    const found = /^(\d+(?:\.\d+)?) (.+)$/.exec(condition);
    // "1 shard" goes with "4 shards".
    const unit = found?.[1] === '1' ? found[2]!.replace(/[^s]$/, '$&s') : found?.[2];
    return unit === undefined ? [] : [{ condition, value: Number(found![1]), unit }];
  });
  const unit = numbered[0]?.unit;
  const same = numbered.filter((one) => one.unit === unit);
  if (unit === undefined || same.length < 3) return [];
  const values = new Map(same.map(({ condition, value }) => [condition, value]));
  const metrics = [...new Set(report.headline.map((headline) => headline.metric))];
  return metrics.flatMap((metric) => {
    const measured = report.measured.filter((one) => one.metric === metric && values.has(one.condition));
    const series = lines(measured, values);
    return series.some((line) => line.points.length >= 3)
      ? [metricChart(metric, measured, series, unit)]
      : [];
  });
}

function lines(measured: readonly Measured[], values: ReadonlyMap<string, number>): Series[] {
  return [...Map.groupBy(measured, (one) => one.arm)].map(([arm, ofArm]) => ({
    name: arm,
    points: ofArm
      .map((one) => ({ x: values.get(one.condition)!, y: spreadOf(one.samples).median }))
      .filter(({ y }) => y > 0)
      .sort((a, b) => a.x - b.x),
    marked: true,
  }));
}

function metricChart(metric: string, measured: readonly Measured[], series: Series[], what: string): Chart {
  const unit = measured[0]!.unit;
  const named = /^p\d/.test(metric) ? metric : `${metric[0]!.toUpperCase()}${metric.slice(1)}`;
  const title = `${named} against ${what}`;
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const [least, most] = [xs[0]!, xs[xs.length - 1]!];
  const log = least > 0 && most >= 10 * least;
  return {
    name: `${slug(metric)}-against-${slug(what)}`,
    title,
    caption: `${title}: medians of all rounds.`,
    x: {
      title: what,
      scale: log ? 'log' : 'linear',
      domain: log ? [least / 1.2, most * 1.2] : [0, most],
      ticks: xs.map((at) => ({ at, label: plainNumber(at) })),
    },
    panels: [
      { y: { title: unit === '' ? metric : `${metric}, ${unit}`, scale: 'log' }, series, height: 320 },
    ],
  };
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
