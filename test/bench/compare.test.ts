import test from 'ava';
import { seededRandom } from '../../bench/load/random.ts';
import type { LoadRun } from '../../bench/load/run.ts';
import { type Comparison, compareResults, compareRuns } from '../../bench/report/compare/compare.ts';
import { compareSamples } from '../../bench/report/compare/compare-reports.ts';
import { hiddenVariance, persistence, stretchLength } from '../../bench/report/compare/dependence.ts';
import { formatComparison } from '../../bench/report/compare/format.ts';
import { drawBlocks } from '../../bench/report/compare/resample.ts';
import { tQuantile975 } from '../../bench/report/compare/student.ts';
import type { Finding } from '../../bench/report/compare/verdict.ts';
import type { Measured, Report } from '../../bench/report/report.ts';
import { syntheticRun } from './synthetic-run.ts';

function finding(comparison: Comparison, metric: string, group = 0): Finding {
  return comparison.groups[group]!.findings.find((one) => one.metric.name === metric)!;
}

const before = syntheticRun({ seed: 1, name: 'before' });

test('a run against itself is no difference, with the ratio 1', (t) => {
  const comparison = compareRuns(before, before);
  for (const one of comparison.groups[0]!.findings) {
    if (one.verdict === 'unclear') continue;
    t.is(one.verdict, 'no difference', one.metric.name);
    t.is(one.change, one.metric.by === 'ratio' ? 1 : 0);
  }
});

test('a run that is a third slower is found slower, the other way around faster', (t) => {
  const slower = syntheticRun({ seed: 2, name: 'after', medianMs: 6.65 });
  const there = finding(compareRuns(before, slower), 'p50');
  t.is(there.verdict, 'worse');
  t.true(there.interval!.low < 1.33 && there.interval!.high > 1.33);
  const back = finding(compareRuns(slower, before), 'p50');
  t.is(back.verdict, 'better');
  t.true(back.change * there.change > 0.999 && back.change * there.change < 1.001);
  const text = formatComparison(compareRuns(before, slower));
  t.regex(text, /^after .* against before/);
  t.regex(text, /^p50, ms .* slower: worse$/m);
  t.regex(text, /^goodput, \/s .* no difference$/m);
});

test('errors are compared as shares, also where there were none before', (t) => {
  const none = syntheticRun({ seed: 3, errorShare: 0 });
  const some = syntheticRun({ seed: 4, errorShare: 0.1 });
  const found = finding(compareRuns(none, some), 'error share');
  t.is(found.verdict, 'worse');
  t.is(found.before, 0);
  t.true(found.change > 3 && found.change < 20);
  t.is(finding(compareRuns(none, none), 'error share').verdict, 'no difference');
});

test('errors of a single second are no difference: they may never come again', (t) => {
  const none = syntheticRun({ seed: 3, errorShare: 0 });
  const once: LoadRun = {
    ...none,
    blocks: none.blocks.map((block, i) =>
      i === 7 ? { ...block, scheduled: block.scheduled + 9, errors: { UNAVAILABLE: 9 } } : block,
    ),
  };
  t.is(finding(compareRuns(none, once), 'error share').verdict, 'no difference');
});

test('a percentile beyond what the answers reach is unclear, and says what it takes', (t) => {
  const found = finding(compareRuns(before, before), 'p99.9');
  t.is(found.verdict, 'unclear');
  t.is(found.why, 'too few answers: it takes 10,000 on each side');
  t.is(found.interval, undefined);
});

test('the same files give the same answer, another seed nearly the same', (t) => {
  const after = syntheticRun({ seed: 5 });
  t.deepEqual(compareRuns(before, after), compareRuns(before, after));
  const [one, other] = [1, 2].map((seed) => finding(compareRuns(before, after, seed), 'p50').interval!);
  t.notDeepEqual(one, other);
  t.true(Math.abs(Math.log(one!.low / other!.low)) < 0.05);
});

test('phases are compared one by one, and one with too few blocks is left out', (t) => {
  const steps = [
    { perSecond: 100, seconds: 12 },
    { perSecond: 200, seconds: 4 },
    { perSecond: 300, seconds: 12 },
  ];
  const comparison = compareRuns(syntheticRun({ seed: 6, steps }), syntheticRun({ seed: 7, steps }));
  t.deepEqual(
    comparison.groups.map(({ name }) => name),
    ['100/s', '300/s'],
  );
  t.deepEqual(comparison.warnings, ['Left out: 200/s has 4 blocks, it takes 10.']);
});

test('nonsense is refused, saying what it is', (t) => {
  const refuse = (b: LoadRun, message: RegExp): void => {
    t.throws(() => compareRuns(before, b), { code: 'RESULT_INVALID', message });
  };
  refuse({ ...before, loop: 'closed' }, /one kind of loop, got open \("before"\) and closed/);
  refuse(syntheticRun({ seed: 1, perSecond: 300 }), /the same load, got 200\/s \("before"\) and 300\/s/);
  refuse(syntheticRun({ seed: 1, seconds: 5 }), /at least 10 blocks.*200\/s has 5 blocks/);
  t.throws(
    () => compareResults({ kind: 'load', run: before }, { kind: 'scenario', report: report('a', {}) }),
    {
      message: 'Expected two results of one kind, got a load run and a report of scenario "a"',
    },
  );
});

test('void and interrupted runs are flagged', (t) => {
  const bad = { ...before, name: 'bad', void: ['Requests were sent late.'], interrupted: true };
  t.deepEqual(compareRuns(before, bad).warnings, [
    'VOID "bad": Requests were sent late.',
    '"bad" was interrupted.',
  ]);
});

function report(scenario: string, arms: Record<string, number[]>, more: Partial<Report> = {}): Report {
  return {
    scenario,
    claim: '',
    baseline: 'by-hand',
    machine: before.machine,
    at: '2026-01-02T03:04:05.000Z',
    smoke: false,
    options: {},
    measured: Object.entries(arms).map(
      ([arm, samples]): Measured => ({
        arm,
        condition: '8 in flight',
        metric: 'root CPU',
        unit: 'µs',
        samples,
      }),
    ),
    headline: [],
    targets: [],
    notes: [],
    ...more,
  };
}

const compareReportsOf = (a: Report, b: Report): Comparison =>
  compareResults({ kind: 'scenario', report: a }, { kind: 'scenario', report: b });

test("an arm is compared against the baseline of its round: the machine's mood is in both", (t) => {
  const mood = [1, 1.4, 0.9, 1.2, 2];
  const a = report('overhead', { 'by-hand': [100, 101, 99, 100, 102], links: [20, 20.3, 19.9, 20.1, 20.2] });
  const b = report('overhead', {
    'by-hand': mood.map((m) => 100 * m),
    links: mood.map((m, i) => (30 + i / 10) * m),
  });
  const comparison = compareReportsOf(a, b);
  const links = comparison.groups.find(({ name }) => name === '8 in flight, links')!.findings[0]!;
  t.is(links.metric.name, 'root CPU ÷ by-hand');
  t.is(links.verdict, 'worse');
  t.true(links.interval!.low < 1.5 && links.interval!.high > 1.5 && links.interval!.high < 1.6);
  const base = comparison.groups.find(({ name }) => name === '8 in flight, by-hand')!.findings[0]!;
  t.is(base.metric.name, 'root CPU');
  t.is(base.verdict, 'no difference');
});

test('reports of too few rounds, of other scenarios and of smoke runs', (t) => {
  const few = report('overhead', { links: [1, 2, 3, 4] });
  t.throws(() => compareReportsOf(few, few), { code: 'RESULT_INVALID', message: /4 rounds; it takes 5/ });
  t.throws(() => compareReportsOf(few, report('merge', {})), { message: /"overhead" and "merge"/ });
  const enough = report('overhead', { links: [1, 2, 3, 4, 5] });
  t.throws(() => compareReportsOf(enough, report('overhead', {})), { message: /no metric in common/ });
  const smoke = compareReportsOf(enough, { ...enough, smoke: true });
  t.regex(smoke.warnings[0]!, /^VOID: .* smoke run/);
});

test('five rounds of the same arm are no difference nine times in ten', (t) => {
  const random = seededRandom(3);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const rounds = (): number[] => Array.from({ length: 5 }, () => 100 * Math.exp(0.1 * normal()));
  const metric = { name: 'root CPU', unit: 'µs', better: 'less', by: 'ratio' } as const;
  let none = 0;
  for (let i = 0; i < 400; i++)
    if (compareSamples(metric, rounds(), rounds(), i).verdict === 'no difference') none++;
  t.true(none >= 360, `${none} of 400`);
});

test('neighbours that resemble each other are found, and drawn together', (t) => {
  const random = seededRandom(5);
  const noise = Array.from({ length: 500 }, () => random() - 0.5);
  let last = 0;
  const dependent = noise.map((value) => {
    last = 0.7 * last + value;
    return last;
  });
  t.true(persistence(noise) < 0.1);
  t.true(Math.abs(persistence(dependent) - 0.7) < 0.1);
  t.is(persistence([1, 1, 1, 1, 1]), 0);
  t.is(stretchLength(0, 100), 1);
  t.true(stretchLength(0.7, 100) > 5);
  t.is(stretchLength(0.95, 30), 5);
  t.is(hiddenVariance(0, 1), 1);
  t.true(hiddenVariance(0.5, 1) > 2.9 && hiddenVariance(0.5, 200) < 1.05);
});

test('as many blocks are drawn as there are, in stretches that go around', (t) => {
  const times = new Float64Array(10);
  const random = seededRandom(1);
  const seen = new Float64Array(10);
  for (let i = 0; i < 1000; i++) {
    drawBlocks(times, 3, random);
    t.is(
      times.reduce((sum, n) => sum + n, 0),
      10,
    );
    for (let at = 0; at < 10; at++) seen[at]! += times[at]!;
  }
  for (const n of seen) t.true(n > 850 && n < 1150);
});

test("Student's t is that of the tables", (t) => {
  for (const [df, value] of [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [9, 2.262],
    [29, 2.045],
    [1000, 1.962],
  ] as const)
    t.true(Math.abs(tQuantile975(df) / value - 1) < 0.006, `${df}: ${tQuantile975(df)}`);
});
