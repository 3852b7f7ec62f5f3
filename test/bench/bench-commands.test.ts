/** `npm run bench` on wrong usage: a line that says what was expected, exit 2 or 1, and nothing measured before it is said. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { discoverScenarios } from '../../bench/discover.ts';
import { expectConditions } from '../../bench/scenario.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

function bench(
  cwd: string,
  args: readonly string[],
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test('wrong usage and files are a line each, before anything is measured', async (t) => {
  t.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'regather-bench-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'broken.json'), '{"scenario":"merge"}');
  writeFileSync(join(folder, 'kept.json'), '{"version":1,"machine":{}}');
  const before = readdirSync(folder);
  const cases: readonly (readonly [args: readonly string[], code: number, line: RegExp])[] = [
    [['table', 'none.json'], 2, /^none\.json: can't be read: there is no such file$/],
    [['table', 'broken.json'], 2, /^broken\.json: claim: expected text, got nothing/],
    [['check', '--baseline', 'none.json'], 2, /^none\.json: can't be read: there is no such file$/],
    [['check', '--baseline', 'kept.json'], 2, /^kept\.json: machine\.cpu: expected text, got nothing/],
    [
      ['overhead', '--conditions', '32'],
      2,
      /^Expected conditions of overhead \(1 in flight; .*\), got "32"$/,
    ],
    [['merge', '--conditions', 'x'], 2, /^Expected conditions of merge \(it has but one\), got "x"$/],
    [['merge', '--arms', 'x'], 2, /^Expected arms of merge \(.*\), got "x"$/],
    [
      ['merge', '--json', 'broken.json/x.json'],
      1,
      /^The report can't be written to "broken\.json\/x\.json": /,
    ],
    [['merge', '--json', '.'], 1, /^The report can't be written to "\.": it is a folder$/],
    [['merge', '--report', 'broken.json'], 2, /^Expected a report folder that doesn't exist, got/],
  ];
  for (const [args, code, line] of cases) {
    const ended = await bench(folder, args);
    t.is(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    t.regex(ended.stderr.trimEnd(), line);
    t.is(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
    t.is(ended.stdout, '');
  }
  t.deepEqual(readdirSync(folder), before);
});

test('what the guard watches are conditions and arms that the scenario has', async (t) => {
  for (const scenario of await discoverScenarios()) {
    for (const { condition, arm, over } of scenario.guard ?? []) {
      if (condition !== '') t.notThrows(() => expectConditions(scenario, [condition]));
      t.true(arm in scenario.arms && over in scenario.arms, `${scenario.name}: ${arm}, ${over}`);
    }
  }
});
