import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readLoadRun, readResult } from '../../bench/report/read-result.ts';
import { syntheticRun } from './synthetic-run.ts';

const run = syntheticRun({ seed: 1, seconds: 3 });

function fileOf(t: ExecutionContext, content: string | object): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-result-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'run.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const report = {
  scenario: 'merge',
  claim: '',
  baseline: 'slow',
  machine: run.machine,
  at: run.at,
  smoke: false,
  options: { rounds: 5, arms: ['a', 'b'] },
  measured: [{ arm: 'fast', condition: '', metric: 'time', unit: 'µs', samples: [3], ratio: 0.5 }],
  headline: [{ condition: '', metric: 'time' }],
  targets: [{ text: 'x', value: null, bound: 1, direction: 'at most' }],
  notes: [],
};

test('what was written is read', (t) => {
  t.deepEqual(readLoadRun(fileOf(t, run)), run);
  const result = readResult(fileOf(t, report));
  t.is(result.kind, 'scenario');
});

const wrong: [string, string | object, RegExp][] = [
  ['no JSON', '{"kind": ', /run\.json: expected JSON/],
  ['no result', [1], /run\.json: expected a load run .* or a scenario's report/],
  ['another version', { ...run, version: 2 }, /run\.json: version: expected version 1, got 2$/],
  ['no phases', { ...run, phases: [] }, /phases: expected at least one phase, got \[\]/],
  ['a key missing', { ...run, target: { address: 'x' } }, /target\.method: expected text, got nothing/],
  ['a loop of no kind', { ...run, loop: 'ajar' }, /loop: expected "open" or "closed", got "ajar"/],
  ['text for a count', block({ ok: 'many' }), /blocks\[1\]\.ok: expected a whole number .*, got "many"/],
  ['a negative count', block({ dropped: -1 }), /blocks\[1\]\.dropped: .* 0 or more, got -1/],
  ['a phase that is none', block({ phase: 7 }), /blocks\[1\]\.phase: expected one of 1 phases, got 7/],
  ['counts that do not add up', block({ unfinished: 5 }), /blocks\[1\]\.scheduled: .*add up to \d+, got \d+/],
  ['a broken histogram', block({ latency: 'HISTFAAA' }), /blocks\[1\]\.latency: expected a histogram/],
  [
    'a scenario without samples',
    { ...report, measured: [{ ...report.measured[0], samples: [] }] },
    /measured\[0\]\.samples: expected at least one sample/,
  ],
];

function block(change: Record<string, unknown>): object {
  return { ...run, blocks: run.blocks.map((one, i) => (i === 1 ? { ...one, ...change } : one)) };
}

for (const [name, content, message] of wrong) {
  test(`${name}: the error is a line that names file and key`, (t) => {
    const error = t.throws(() => readResult(fileOf(t, content)), { code: 'RESULT_INVALID' });
    t.regex(error.message, message);
    t.notRegex(error.message, /\n/);
  });
}

test('no file and no load run', (t) => {
  t.throws(() => readResult('/nowhere/run.json'), { message: /^\/nowhere\/run\.json: .*no such file/ });
  t.throws(() => readResult(tmpdir()), { message: /it is a folder/ });
  t.throws(() => readLoadRun(fileOf(t, report)), {
    message: /expected a load run, got a report of scenario "merge"/,
  });
});
