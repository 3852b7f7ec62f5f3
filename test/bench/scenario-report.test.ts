import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withoutHedge } from '../../bench/ideal/curves.ts';
import { type Distribution, probabilityBy, quantile } from '../../bench/ideal/distribution.ts';
import { addHistograms, distributionOfHistogram } from '../../bench/report/histogram.ts';
import { readResult } from '../../bench/report/read-result.ts';
import { type Report, reportJson } from '../../bench/report/report.ts';
import { chartsOfReport, curveOf, efficienciesOf } from '../../bench/report/scenario-charts.ts';
import { writeScenarioReport } from '../../bench/report/write-scenario-report.ts';
import { syntheticRun } from './synthetic-run.ts';

const run = syntheticRun({ seed: 1, seconds: 20 });
const histogram = run.blocks[0]!.latency;
const leaf = distributionOfHistogram(addHistograms(run.blocks.map((block) => block.latency)))!;
const ideal = withoutHedge(leaf, 16);

const report: Report = {
  scenario: 'stragglers',
  claim: 'Hedging cuts the tail.',
  baseline: 'by-hand',
  machine: run.machine,
  at: run.at,
  smoke: true,
  options: { rounds: 2 },
  measured: ['by-hand', 'links'].map((arm) => ({
    arm,
    condition: '16 shards',
    metric: 'p99',
    unit: 'ms',
    samples: [3, 4],
  })),
  headline: [{ condition: '16 shards', metric: 'p99' }],
  targets: [{ text: 'a target', value: Number.NaN, bound: 1, direction: 'at most' }],
  notes: [],
  distributions: ['by-hand', 'links'].map((arm) => ({ arm, condition: '16 shards', histogram })),
  curves: [curveOf('16 shards', 'links, ideal', ideal, 'links'), curveOf('16 shards', 'at best', leaf)],
};

function largestGap(a: Distribution, b: Distribution): number {
  return Math.max(...a.values.map((t) => Math.abs(probabilityBy(a, t) - probabilityBy(b, t))));
}

test('a curve is short and says what the distribution says, its rare end too', (t) => {
  const curve = report.curves![0]!;
  t.true(curve.steps.length <= 310 && curve.steps.length > 50);
  const again = { values: curve.steps.map(([ms]) => ms), cumulative: curve.steps.map(([, share]) => share) };
  const thinned = {
    values: Float64Array.from(again.values),
    cumulative: Float64Array.from(again.cumulative),
  };
  t.true(largestGap(thinned, ideal) < 0.05);
  for (const q of [0.5, 0.9, 0.99])
    t.true(Math.abs(quantile(thinned, q) / quantile(ideal, q) - 1) < 0.05, `${q}`);
  t.is(thinned.values.at(-1), Number(ideal.values.at(-1)!.toPrecision(4)));
});

test('arms are drawn with their ideals in their colour, dashed', (t) => {
  const [spectrum, tail] = chartsOfReport(report);
  t.is(spectrum!.name, 'stragglers-percentiles-16-shards');
  t.is(tail!.name, 'stragglers-tail-16-shards');
  t.deepEqual(
    spectrum!.panels[0]!.series.map(({ name, dashed, like }) => ({ name, dashed, like })),
    [
      { name: 'by-hand', dashed: undefined, like: undefined },
      { name: 'links', dashed: undefined, like: undefined },
      { name: 'links, ideal', dashed: true, like: 'links' },
      { name: 'at best', dashed: true, like: undefined },
    ],
  );
});

test('the efficiency is that of the arm whose ideal it is', (t) => {
  const [p50] = efficienciesOf(report, [0.5]);
  const measured = distributionOfHistogram(addHistograms([histogram]))!;
  t.like(p50, { arm: 'links', ideal: 'links, ideal', condition: '16 shards' });
  t.true(Math.abs(p50!.efficiency - quantile(ideal, 0.5) / quantile(measured, 0.5)) < 0.05);
});

test('the report is a folder, and its JSON is read again', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'regather-scenario-'));
  t.teardown(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, 'report');
  await writeScenarioReport(folder, report);
  const pictures = ['stragglers-percentiles-16-shards', 'stragglers-tail-16-shards'];
  t.deepEqual(
    readdirSync(folder).sort(),
    [
      'index.html',
      'report.json',
      ...pictures.flatMap((name) => ['.svg', '.png', '-dark.svg', '-dark.png'].map((end) => name + end)),
    ].sort(),
  );
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  t.true(page.indexOf('A smoke run') < page.indexOf('<table>'));
  t.true(page.includes('Efficiency: ideal ÷ measured'));
  t.true(page.includes('not measured'));
  const read = readResult(join(folder, 'report.json'));
  t.is(read.kind, 'scenario');
  if (read.kind === 'scenario') t.deepEqual(read.report.curves, report.curves);
});

test('its JSON has a list of numbers on one line, and is the report', (t) => {
  const text = reportJson(report);
  t.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(report)));
  t.regex(text, /"samples": \[3,4\]/);
  t.true(text.length < 20_000, `${text.length}`);
});
