import test from 'ava';
import { distributionOfSamples } from '../../bench/ideal/distribution.ts';
import { percentileSpectrum, tailPicture } from '../../bench/report/picture/curves.ts';
import { loadPainter } from '../../bench/report/picture/render.ts';
import { colourPairs, dark, light, toDark } from '../../bench/report/picture/theme.ts';
import {
  logDomain,
  logTicks,
  ninesOf,
  percentileTicks,
  plainNumber,
} from '../../bench/report/picture/ticks.ts';
import { timeline } from '../../bench/report/picture/timeline.ts';
import { chartsOf } from '../../bench/report/run-charts.ts';
import { syntheticRun } from './synthetic-run.ts';

const distribution = distributionOfSamples(Array.from({ length: 1000 }, (_, i) => 1 + i / 10));
const series = [
  { name: 'by-hand', distribution, count: 1000 },
  { name: 'ideal', distribution, dashed: true, like: 'by-hand' },
];

test('the same chart gives the same text, whatever is drawn before or meanwhile', async (t) => {
  const painter = await loadPainter();
  const chart = percentileSpectrum(series);
  const first = await painter.draw(chart);
  await painter.draw(tailPicture(series));
  t.is((await painter.draw(chart)).svg, first.svg);
  // Vega's ids are counted in the whole process.
  const atOnce = await Promise.all([chart, tailPicture(series), chart].map((one) => painter.draw(one)));
  t.is(atOnce[0]!.svg, first.svg);
  t.is(atOnce[2]!.svg, first.svg);
});

test('a picture says its axes with units, its lines by name, and itself in words', async (t) => {
  const painter = await loadPainter();
  const { svg } = await painter.draw(percentileSpectrum(series));
  for (const text of ['latency, ms', 'percentile of requests', 'by-hand', 'ideal', '99.9 %', '<title>'])
    t.true(svg.includes(text), text);
  t.regex(svg, /stroke-dasharray="5,4"/);
  t.regex(svg, /^<svg [^>]*viewBox="0 0 8\d\d \d+"/);
});

test('every colour of the light theme has its own counterpart in the dark one', async (t) => {
  const from = colourPairs().map(([colour]) => colour);
  t.is(new Set(from).size, from.length);
  const painter = await loadPainter();
  const moments = [0, 1].map((at) => ({
    atSeconds: at,
    offeredPerSecond: 10,
    okPerSecond: 9,
    p50Ms: 1,
    p99Ms: 2,
    errorsPerSecond: { UNAVAILABLE: 1 },
    coverage: 0.9,
  }));
  const { svg } = await painter.draw(timeline(moments, 2, [{ label: 'fault', from: 0.5, to: 1 }]));
  const used = new Set(svg.match(/#[0-9a-f]{3,6}\b/g));
  t.deepEqual(
    [...used].filter((colour) => !from.includes(colour)),
    [],
  );
  t.false(toDark(svg).includes(light.background) && !Object.values(dark).flat().includes(light.background));
});

test('contrast of text and lines against the background is enough in both themes', (t) => {
  for (const theme of [light, dark]) {
    for (const text of [theme.text, theme.faint])
      t.true(contrast(text, theme.background) >= 4.5, `${text} on ${theme.background}`);
    t.true(contrast(theme.bandText, theme.band) >= 4.5);
    // WCAG 1.4.11 asks 3 of graphics; Okabe and Ito's orange and sky blue have 2.2 on white, and shapes and names beside them.
    for (const line of theme.series) t.true(contrast(line, theme.background) >= 2.1, line);
  }
});

/** WCAG 2's contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => {
    const [r, g, blue] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * blue!;
  };
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high! + 0.05) / (low! + 0.05);
}

test('ticks of a logarithmic axis are round and few', (t) => {
  t.deepEqual(logDomain([3, 70]), [2, 100]);
  t.deepEqual(logDomain([]), [1, 10]);
  t.deepEqual(logDomain([0, -1, 4]), [2, 5]);
  t.deepEqual(
    logTicks([2, 100], plainNumber).map((tick) => tick.label),
    ['2', '5', '10', '20', '50', '100'],
  );
  t.deepEqual(
    logTicks([0.01, 1000], plainNumber).map((tick) => tick.label),
    ['0.01', '0.1', '1', '10', '100', '1,000'],
  );
});

test('percentiles are as far apart as their rarity', (t) => {
  t.is(Math.round(ninesOf(0.999) * 1e9), 3e9);
  t.deepEqual(
    percentileTicks(4).map((tick) => tick.label),
    ['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %'],
  );
});

test('a run that was answered whole is on the dashed line, however many requests chance gave each step', (t) => {
  const run = syntheticRun({
    seed: 1,
    errorShare: 0,
    steps: [50, 100, 200].map((perSecond) => ({ perSecond, seconds: 3 })),
  });
  const goodput = chartsOf([run]).find((chart) => chart.name === 'goodput')!;
  const [, line] = goodput.panels[0]!.series;
  t.is(line!.points.length, 3);
  for (const { x, y } of line!.points) t.is(y, x);
});

test('a tail is drawn no further than its samples reach', (t) => {
  const [measured, ideal] = percentileSpectrum(series).panels[0]!.series;
  t.is(measured!.points.at(-1)!.x, Math.log10(2000));
  t.is(measured!.points.at(-1)!.y, distribution.values.at(-1)!);
  t.true(ideal!.points.at(-1)!.x <= 3);
});
