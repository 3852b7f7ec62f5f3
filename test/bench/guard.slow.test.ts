/** The regression guard on real processes: in its smoke form it finds nothing, unless an arm really is slower. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

function check(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'check', '--smoke', ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test.serial('the smoke form of the guard holds', async (t) => {
  t.timeout(300_000);
  const { code, stdout, stderr } = await check('--only', 'overhead,merge');
  t.is(code, 0, stdout + stderr);
  t.regex(stdout, /Nothing got worse/);
});

test.serial('a root that burns 5 ms more per answer is found', async (t) => {
  t.timeout(300_000);
  const { code, stdout, stderr } = await check('--only', 'overhead', '--burn', 'links=5000');
  t.is(code, 1, stdout + stderr);
  t.regex(stdout, /root CPU of links against batched, 32 in flight: .*WORSE/);
  t.regex(stdout, /root CPU of plain against by-hand, 32 in flight: .*(holds|unclear)/);
});

test('what has nothing to watch is wrong usage', async (t) => {
  const { code, stderr } = await check('--only', 'memory');
  t.is(code, 2);
  t.regex(stderr, /Expected a scenario with ratios to watch, got "memory"/);
});
