/** The bench runs and its output is well formed. Speed is never asserted: it belongs to a quiet machine. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Report } from '../../bench/report/report.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 90_000 }, (error, stdout, stderr) => {
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

for (const [scenario, metrics] of [
  ['overhead', ['root CPU', 'answers', 'p50', 'p99', 'all CPU', 'RSS']],
  ['merge', ['time']],
  ['memory', ['growth']],
] as const) {
  test.serial(
    `bench ${scenario} --smoke measures every arm and says that the figures mean nothing`,
    async (t) => {
      const { report: made, text, markdown } = await report(scenario);
      t.is(made.scenario, scenario);
      t.true(made.smoke);
      t.regex(text, /SMOKE/);
      t.true(text.includes(made.machine.cpu));
      const arms = made.options.arms as readonly string[];
      for (const arm of arms) {
        for (const metric of metrics) {
          const found = made.measured.filter((one) => one.arm === arm && one.metric === metric);
          t.true(found.length > 0, `${arm} has no ${metric}`);
          for (const { samples } of found)
            t.true(samples.every((sample) => sample > 0 && Number.isFinite(sample)));
        }
        t.regex(markdown, new RegExp(`^\\| ${arm} \\|`, 'm'));
      }
      for (const target of made.targets) t.true(Number.isFinite(target.value), target.text);
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
