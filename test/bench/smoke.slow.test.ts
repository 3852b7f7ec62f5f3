/** The bench runs and its output is well formed. Speed is never asserted: it belongs to a quiet machine. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { discoverScenarios } from '../../bench/discover.ts';
import type { Report } from '../../bench/report/report.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 240_000 }, (error, stdout, stderr) => {
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      });
    });
  });
}

async function report(...args: string[]): Promise<{ report: Report; text: string; markdown: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'regather-bench-'));
  try {
    const file = join(folder, 'report.json');
    const ran = await bench(...args, '--smoke', '--json', file);
    if (ran.code !== 0) throw new Error(`bench ${args.join(' ')} exited ${ran.code}: ${ran.stderr}`);
    const table = await bench('table', file);
    return {
      report: JSON.parse(readFileSync(file, 'utf8')) as Report,
      text: ran.stdout,
      markdown: table.stdout,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Those that docs/guides/read-a-load-report.md explains. */
const allIdeals = [
  'ideal without hedges',
  'ideal, hedged for 5 % more tasks',
  'ideal, each task twice',
  'ideal, 15 of 16 shards',
];

for (const scenario of await discoverScenarios()) {
  test.serial(
    `bench ${scenario.name} --smoke measures what it says and says that the figures mean nothing`,
    async (t) => {
      // Seconds on a machine of its own; minutes beside a whole test run.
      t.timeout(300_000);
      const { report: made, text, markdown } = await report(scenario.name);
      t.is(made.scenario, scenario.name);
      t.is(made.claim, scenario.claim);
      t.true(made.smoke);
      t.regex(text, /SMOKE/);
      t.true(text.includes(made.machine.cpu));
      t.true(made.measured.length > 0);
      if (scenario.name === 'tail')
        t.deepEqual(
          made.curves?.map(({ name }) => name),
          allIdeals,
        );
      const [first] = scenario.conditions ?? [''];
      t.true(made.measured.some(({ condition }) => condition === first));
      for (const { arm, metric, samples } of made.measured) {
        t.true(metric in scenario.metrics, `${metric} is not explained`);
        t.true(
          samples.every((sample) => sample >= 0 && Number.isFinite(sample)),
          `${arm}, ${metric}: ${samples}`,
        );
      }
      for (const arm of made.options.arms as readonly string[]) {
        t.true(arm in scenario.arms, `${arm} is not explained`);
        t.true(
          made.measured.some((one) => one.arm === arm),
          `${arm} was not measured`,
        );
        t.true(markdown.includes(`\n| ${arm} |`), `${arm} is not in the table`);
      }
      // The smoke form may leave conditions out.
      const measured = made.measured.map(({ condition }) => condition);
      for (const { metric, condition } of made.headline.filter((one) => measured.includes(one.condition))) {
        t.true(
          made.measured.some((one) => one.metric === metric && one.condition === condition),
          `${metric} (${condition}) is not there`,
        );
      }
      for (const { arm, over, metric } of scenario.guard ?? []) {
        t.true(arm in scenario.arms && over in scenario.arms && metric in scenario.metrics);
      }
    },
  );
}

test('an arm that does not exist is wrong usage and names those that do', async (t) => {
  const { code, stderr } = await bench('overhead', '--arms', 'by-hand,linkz');
  t.is(code, 2);
  t.regex(stderr, /by-hand, batched, plain.*"linkz"/);
});

test('help states the claim, the arms and the metrics', async (t) => {
  const { code, stdout } = await bench('overhead', '--help');
  t.is(code, 0);
  t.regex(stdout, /links-no-combine/);
  t.regex(stdout, /process\.cpuUsage/);
});
