import test from 'ava';
import { readMachine } from '../../bench/report/machine.ts';
import {
  isMet,
  type Measured,
  medianOf,
  type Report,
  spreadOf,
  withRatios,
} from '../../bench/report/report.ts';
import { figure, formatMarkdown, formatShort, formatText } from '../../bench/report/table.ts';

const measured: Measured[] = [
  { arm: 'by-hand', condition: '1 in flight', metric: 'root CPU', unit: 'µs', samples: [100, 300, 200] },
  { arm: 'links', condition: '1 in flight', metric: 'root CPU', unit: 'µs', samples: [20, 10, 30, 40] },
  { arm: 'links', condition: '8 in flight', metric: 'root CPU', unit: 'µs', samples: [7] },
];

test('the spread is the median, the least and the greatest', (t) => {
  t.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
});

test('ratios are of medians, within a condition, and only where the baseline was measured', (t) => {
  const [base, links, alone] = withRatios(measured, 'by-hand');
  t.is(base!.ratio, undefined);
  t.is(links!.ratio, 25 / 200);
  t.is(alone!.ratio, undefined);
});

test('there is no ratio against nothing, which JSON could not say', (t) => {
  const none = { condition: '', metric: 'extra tasks', unit: '%' };
  const both = withRatios(
    [
      { ...none, arm: 'by-hand', samples: [0] },
      { ...none, arm: 'links', samples: [4] },
    ],
    'by-hand',
  );
  t.deepEqual(
    both.map((one) => 'ratio' in one),
    [false, false],
  );
});

test('what was not measured is NaN and reaches no target', (t) => {
  const value = medianOf(measured, 'batched', 'root CPU', '1 in flight');
  t.true(Number.isNaN(value));
  t.false(isMet({ text: '', value, bound: 1, direction: 'at most' }));
  t.false(isMet({ text: '', value, bound: 1, direction: 'at least' }));
});

test('figures keep three digits', (t) => {
  t.deepEqual([0.0123, 1.234, 12.34, 123.4, 12345.6, Number.NaN].map(figure), [
    '0.012',
    '1.23',
    '12.3',
    '123',
    '12,346',
    '–',
  ]);
});

test('text and markdown carry machine, samples, ratios and verdicts', (t) => {
  const report: Report = {
    scenario: 'overhead',
    claim: 'It is cheap.',
    baseline: 'by-hand',
    machine: readMachine(),
    at: '2026-01-02T03:04:05.000Z',
    smoke: false,
    options: { rounds: 3 },
    measured: withRatios(measured, 'by-hand'),
    headline: [{ condition: '1 in flight', metric: 'root CPU' }],
    targets: [{ text: 'links against by-hand', value: 0.125, bound: 0.1, direction: 'at most' }],
    notes: ['A note.'],
  };
  const text = formatText(report);
  t.regex(text, /links +25\.0 \(10\.0–40\.0\) +0\.125/);
  t.regex(text, /NOT reached/);
  t.true(text.includes(report.machine.cpu));
  const markdown = formatMarkdown(report);
  t.true(markdown.includes('| links | 25.0 (10.0–40.0) | 0.125 |'));
  t.true(markdown.includes('**not reached**'));
  t.true(markdown.includes('A note.'));
  t.true(markdown.includes('2026-01-02'));
  const short = formatShort(report);
  t.true(short.includes('| arm | root CPU, µs (1 in flight) |'));
  t.true(short.includes('| `links` | 25.0 (0.125 ×) |'));
});
