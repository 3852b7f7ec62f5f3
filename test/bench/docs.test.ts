import test from 'ava';
import { updateDocs, withTables } from '../../bench/report/docs.ts';
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

test('the figures in the documents are those of bench/results', (t) => {
  t.deepEqual(updateDocs(false), [], 'run `npm run bench -- docs`');
});
