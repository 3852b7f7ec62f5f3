import { readFileSync } from 'node:fs';
import test from 'ava';
import { discoverScenarios } from '../../bench/discover.ts';
import { picturesOf, updateDocs, withTables } from '../../bench/report/docs.ts';
import { readMachine } from '../../bench/report/machine.ts';
import type { Report } from '../../bench/report/report.ts';

const report: Report = {
  scenario: 'merge',
  claim: '',
  baseline: 'slow',
  machine: readMachine(),
  at: '2026-01-02T03:04:05.000Z',
  smoke: false,
  options: {},
  measured: [{ arm: 'fast', condition: '', metric: 'time', unit: 'µs', samples: [3] }],
  headline: [{ condition: '', metric: 'time' }],
  targets: [],
  notes: [],
};

test('tables are put between their marks and nothing else changes', (t) => {
  const text =
    'a\n<!-- bench:merge -->\nold\n<!-- /bench -->\nb\n<!-- bench:merge short -->\n<!-- /bench -->\nc\n';
  const made = withTables(text, (scenario) => (scenario === 'merge' ? report : undefined));
  t.regex(made, /^a\n<!-- bench:merge -->\n\| arm \| time, µs \|/);
  t.regex(
    made,
    /<!-- \/bench -->\nb\n<!-- bench:merge short -->\n\| arm \| time, µs \|\n[\s\S]*\| `fast` \| 3\.00 \|/,
  );
  t.false(made.includes('old'));
  t.true(made.endsWith('<!-- /bench -->\nc\n'));
  t.is(
    withTables(made, () => report),
    made,
  );
});

test('a scenario that was never run leaves what is there', (t) => {
  const text = '<!-- bench:memory -->\nTo be measured.\n<!-- /bench -->';
  t.is(
    withTables(text, () => undefined),
    text,
  );
});

const numbered: Report = {
  ...report,
  scenario: 'fanout',
  measured: [1, 10, 100].flatMap((n) =>
    ['by-hand', 'links'].map((arm, i) => ({
      arm,
      condition: `${n} shards`,
      metric: 'p99',
      unit: 'ms',
      samples: [n + i, n + i + 1],
    })),
  ),
  headline: [{ condition: '10 shards', metric: 'p99' }],
};

test('pictures are named in the document and drawn beside it, the same each time', async (t) => {
  const text = '<!-- bench:fanout pictures -->\n<!-- /bench -->\n';
  const made = withTables(text, () => numbered);
  t.true(
    made.includes(
      '<img alt="p99 against shards: medians of all rounds." src="images/fanout-p99-against-shards.svg">',
    ),
  );
  t.regex(
    made,
    /media="\(prefers-color-scheme: dark\)" srcset="images\/fanout-p99-against-shards-dark\.svg"/,
  );
  t.true(withTables(text, () => numbered, 'README.md').includes('src="docs/images/fanout-'));
  const files = await picturesOf(text, () => numbered);
  t.deepEqual(Object.keys(files), [
    'docs/images/fanout-p99-against-shards.svg',
    'docs/images/fanout-p99-against-shards-dark.svg',
  ]);
  t.deepEqual(await picturesOf(text, () => numbered), files);
  t.deepEqual(await picturesOf('<!-- bench:fanout -->\n<!-- /bench -->', () => numbered), {});
});

test('every scenario has its place among the figures, and says how to run it again', async (t) => {
  const page = readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8');
  for (const { name } of await discoverScenarios()) {
    t.true(page.includes(`<!-- bench:${name} -->\n`), name);
    t.regex(page, new RegExp(`^npm run bench -- ${name} +--json bench/results/${name}\\.json`, 'm'));
  }
});

test('the figures in the documents are those of bench/results', async (t) => {
  t.deepEqual(await updateDocs(false), [], 'run `npm run bench -- docs`');
});
