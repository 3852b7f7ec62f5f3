/** A chart as a Vega-Lite specification. */
import type { TopLevelSpec } from 'vega-lite';
import type { Axis, Band, Chart, Panel, Point, Series } from './chart.ts';
import { light } from './theme.ts';
import { logDomain, logTicks, plainNumber } from './ticks.ts';

/** Of the plots; with the labels on the left a picture is some 800 px wide, as wide as a README. */
const plotWidth = 700;
const font = 'DejaVu Sans, Verdana, sans-serif';
const shapes = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-right'];

export function vegaLiteSpec(chart: Chart): TopLevelSpec {
  const x = { ...chart.x, domain: chart.x.domain ?? domainOf(chart, chart.x, 'x') };
  const bands = chart.bands ?? [];
  const drawn = chart.panels.flatMap((panel, i) =>
    plots(chart, panel, x, bands, i === chart.panels.length - 1),
  );
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: chart.title, anchor: 'start', frame: 'bounds' },
    background: light.background,
    padding: { left: 8, right: 24, top: 10, bottom: 8 },
    spacing: 8,
    vconcat: bands.length === 0 ? drawn : [strip(bands, x), ...drawn],
    config: config(),
    // The types know no shape of a specification that is put together from parts.
  } as unknown as TopLevelSpec;
}

type Domain = readonly [number, number];
type XAxis = Axis & { readonly domain: Domain };

interface Look {
  readonly colour: string;
  readonly shape: string;
  readonly dash: readonly number[];
}

function plots(chart: Chart, panel: Panel, x: XAxis, bands: readonly Band[], last: boolean): object[] {
  const looks = looksOf(panel.series);
  const y = { ...panel.y, domain: panel.y.domain ?? domainOf({ ...chart, panels: [panel] }, panel.y, 'y') };
  const position = {
    x: { field: 'x', type: 'quantitative', ...axis(x, last) },
    y: { field: 'y', type: 'quantitative', ...axis(y, true) },
  };
  const lines = panel.series.map(({ name, points }) => ({
    data: { values: points.map(({ x, y }) => ({ x, y })) },
    mark: { type: 'line', ...lineOf(looks.get(name)!), strokeJoin: 'round', clip: true },
    encoding: position,
  }));
  const marks = panel.series.map((series) => ({
    data: { values: markedPoints(series, x.scale, panel.series.length) },
    mark: { type: 'point', ...pointOf(looks.get(series.name)!) },
    encoding: position,
  }));
  const plot = {
    width: plotWidth,
    height: panel.height,
    layer: [...bands.map((band) => shade(band, x)), ...lines, ...marks],
  };
  return panel.series.length === 1 && panel.named !== true ? [plot] : [legend(panel.series, looks), plot];
}

function lineOf({ colour, dash }: Look): object {
  return { color: colour, strokeDash: dash, strokeWidth: 2, strokeCap: 'butt' };
}

function pointOf({ colour, shape }: Look): object {
  return { color: colour, shape, filled: true, size: 46, opacity: 1 };
}

/** Names with a piece of their line, in rows: Vega's own legends show no dashes beside shapes. */
function legend(all: readonly Series[], looks: ReadonlyMap<string, Look>): object {
  const swatch = 28;
  const gap = 26;
  let left = 0;
  let row = 0;
  const entries = all.map((series) => {
    const width = swatch + 6 + widthOf(series.name, 13) + gap;
    if (left > 0 && left + width - gap > plotWidth) {
      left = 0;
      row++;
    }
    const entry = { series, left, row };
    left += width;
    return entry;
  });
  const height = 20 * (row + 1);
  const at = (px: number): object => ({
    datum: px,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, plotWidth] },
  });
  const on = (line: number): object => ({
    datum: height - 20 * line - 10,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, height], zero: false, nice: false },
  });
  return {
    width: plotWidth,
    height,
    view: { stroke: null },
    data: { values: [{}] },
    layer: entries.flatMap(({ series, left: x, row: line }) => {
      const look = looks.get(series.name)!;
      const shaped = series.dashed !== true || series.marked === true;
      return [
        {
          mark: { type: 'rule', ...lineOf(look) },
          encoding: { x: at(x), x2: { datum: x + swatch }, y: on(line) },
        },
        ...(shaped
          ? [{ mark: { type: 'point', ...pointOf(look) }, encoding: { x: at(x + swatch / 2), y: on(line) } }]
          : []),
        {
          mark: {
            type: 'text',
            text: series.name,
            align: 'left',
            baseline: 'middle',
            fontSize: 13,
            color: light.text,
          },
          encoding: { x: at(x + swatch + 6), y: on(line) },
        },
      ];
    }),
  };
}

/** Of DejaVu Sans, on the safe side: no font is loaded while a picture is drawn. */
export function widthOf(text: string, fontSize: number): number {
  return text.length * fontSize * 0.62;
}

/**
 * Where a line gets its shape. Each point, where each was measured on its own; on a curve about eight, so that colour isn't all that tells
 * lines apart; none, where there is nothing to tell apart or the line is calculated.
 */
function markedPoints(series: Series, scale: Axis['scale'], ofSeries: number): Point[] {
  const { points } = series;
  if (series.marked === true || points.length === 1) return points.map(({ x, y }) => ({ x, y }));
  if (series.dashed === true || ofSeries === 1 || points.length === 0) return [];
  const along = (point: Point): number => (scale === 'log' ? Math.log(point.x) : point.x);
  const from = along(points[0]!);
  const step = (along(points[points.length - 1]!) - from) / 8;
  const chosen: Point[] = [];
  let next = from + step / 2;
  for (const point of points) {
    if (along(point) < next) continue;
    chosen.push({ x: point.x, y: point.y });
    while (next <= along(point)) next += step;
  }
  return chosen;
}

/** An ideal curve has the colour and shape of what it is drawn beside. */
function looksOf(series: readonly Series[]): Map<string, Look> {
  const places = new Map<string, number>();
  let next = 0;
  for (const { name, like, reference } of series) {
    if (like === undefined && reference !== true) places.set(name, next++);
  }
  for (const { name, like } of series) {
    if (like !== undefined) places.set(name, places.get(like) ?? next++);
  }
  return new Map(
    series.map(({ name, reference, dashed }): [string, Look] => {
      const place = places.get(name) ?? 0;
      return [
        name,
        {
          colour: reference === true ? light.faint : light.series[place % light.series.length]!,
          shape: shapes[place % shapes.length]!,
          dash: dashed === true ? [5, 4] : [],
        },
      ];
    }),
  );
}

function axis(of: Axis & { readonly domain: Domain }, labelled: boolean): object {
  const ticks = of.ticks ?? (of.scale === 'log' ? logTicks(of.domain, plainNumber) : undefined);
  const labels = ticks === undefined ? undefined : JSON.stringify(ticks.map((tick) => [tick.at, tick.label]));
  return {
    scale: { type: of.scale, domain: of.domain, nice: false, ...(of.scale === 'log' ? {} : { zero: false }) },
    title: labelled ? of.title : null,
    axis: {
      ...(labelled ? {} : { labels: false, ticks: false }),
      ...(ticks === undefined
        ? { tickCount: 6, format: ',~f' }
        : {
            values: ticks.map((tick) => tick.at),
            // The label of the nearest tick: values come back through the scale and lose their last bits.
            labelExpr: labelled ? nearestLabel(labels!) : '""',
          }),
    },
  };
}

function nearestLabel(pairs: string): string {
  const list = JSON.parse(pairs) as [number, string][];
  return list.reduceRight(
    (rest, [at, label]) =>
      `abs(datum.value - ${at}) <= ${Math.abs(at) * 1e-6 + 1e-9} ? ${JSON.stringify(label)} : ${rest}`,
    '""',
  );
}

function shade(band: Band, x: XAxis): object {
  return {
    data: { values: [clipped(band, x)] },
    mark: { type: 'rect', color: light.band, opacity: 0.55 },
    encoding: {
      x: { field: 'from', type: 'quantitative', scale: { domain: x.domain, type: x.scale } },
      x2: { field: 'to' },
    },
  };
}

/** The bands' names, on as many lines as keep them apart. */
function strip(bands: readonly Band[], x: XAxis): object {
  const perUnit = plotWidth / (x.domain[1] - x.domain[0]);
  const ends: number[] = [];
  const rows = bands.map((band) => {
    const { from, to } = clipped(band, x);
    const width = widthOf(band.label, 12) + 14;
    // A label that would leave the picture on the right ends at the band's end.
    const right = (from - x.domain[0]) * perUnit + width > plotWidth;
    const start = right ? (to - x.domain[0]) * perUnit - width : (from - x.domain[0]) * perUnit;
    const end = Math.max(start + width, (to - x.domain[0]) * perUnit);
    let line = ends.findIndex((taken) => taken <= start);
    if (line < 0) line = ends.push(0) - 1;
    ends[line] = end;
    return { from, to, label: band.label, line, right };
  });
  const position = {
    x: { field: 'from', type: 'quantitative', scale: { domain: x.domain, type: x.scale }, axis: null },
    y: { field: 'line', type: 'ordinal', axis: null },
  };
  const text = (right: boolean): object => ({
    data: { values: rows.filter((row) => row.right === right) },
    mark: {
      type: 'text',
      align: right ? 'right' : 'left',
      dx: right ? -5 : 5,
      color: light.bandText,
      fontSize: 12,
    },
    encoding: {
      ...position,
      x: { ...position.x, field: right ? 'to' : 'from' },
      text: { field: 'label' },
    },
  });
  return {
    width: plotWidth,
    height: 18 * ends.length,
    view: { stroke: null },
    layer: [
      {
        data: { values: rows },
        mark: { type: 'rect', color: light.band },
        encoding: { ...position, x2: { field: 'to' } },
      },
      text(false),
      text(true),
    ],
  };
}

function clipped(band: Band, x: XAxis): { from: number; to: number } {
  return { from: Math.max(band.from, x.domain[0]), to: Math.min(band.to, x.domain[1]) };
}

function domainOf(chart: Chart, of: Axis, part: 'x' | 'y'): [number, number] {
  const values = chart.panels.flatMap((panel) => panel.series.flatMap((s) => s.points.map((p) => p[part])));
  if (of.scale === 'log') return logDomain(values);
  const greatest = values.reduce((a, b) => Math.max(a, b), 0);
  const least = values.reduce((a, b) => Math.min(a, b), 0);
  // A little room above: a line on the frame can't be seen.
  return [least, greatest === least ? least + 1 : greatest + (part === 'y' ? 0.06 : 0) * (greatest - least)];
}

function config(): object {
  const text = { font, fontSize: 13, color: light.text };
  return {
    font,
    view: { stroke: light.grid },
    title: { font, fontSize: 16, fontWeight: 600, color: light.text, offset: 12 },
    axis: {
      labelFont: font,
      labelFontSize: 12,
      labelColor: light.faint,
      titleFont: font,
      titleFontSize: 13,
      titleFontWeight: 'normal',
      titleColor: light.text,
      titlePadding: 8,
      gridColor: light.grid,
      domainColor: light.faint,
      tickColor: light.faint,
      labelOverlap: 'greedy',
      labelPadding: 4,
      labelFlush: false,
    },
    axisY: { minExtent: 52, maxExtent: 52 },
    text,
  };
}
