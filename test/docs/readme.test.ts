/** The README's files are the examples' files, and its commands do what it says. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import test from 'ava';
import { filledReadme, readmePath } from '../../scripts/readme.ts';
import { packageRoot } from '../../shared/package.ts';

const readme = readFileSync(readmePath, 'utf8');
const run = promisify(execFile);
const regather = ['run', '--silent', 'regather', '--'];

test('the files in the README are those of the examples', (t) => {
  t.is(readme, filledReadme(readme), 'run `npm run generate`');
});

test('its commands print what it says', async (t) => {
  // The commands stand in the README with the port of the example's config; a test takes any that is free.
  t.true(readme.includes('npm run --silent regather -- up examples/words/regather.yaml'));
  const up: ChildProcess = spawn('npm', [...regather, 'up', 'examples/words/regather.yaml', '--json'], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
    env: { ...process.env, REGATHER_ROOT_LISTEN: '127.0.0.1:0', REGATHER_ROOT_ADMIN: '127.0.0.1:0' },
  });
  t.teardown(async () => {
    process.kill(-up.pid!, 'SIGINT');
    if (up.exitCode === null) await once(up, 'exit');
  });
  let printed = '';
  let address: string | undefined;
  for await (const chunk of up.stdout!) {
    printed += chunk;
    const ready = printed.split('\n').find((line) => line.startsWith('{"event":"ready"'));
    if (ready !== undefined) {
      address = JSON.parse(ready).address;
      break;
    }
  }
  const [, request, expected] = /<!-- output: call Top '([^']*)' -->\n```json\n([^`]*)```/.exec(readme)!;
  const { stdout } = await run('npm', [...regather, 'call', 'Top', request!, '--address', address!], {
    cwd: packageRoot,
  });
  t.is(stdout.trim(), expected!.trim());
  const { stdout: plan } = await run('npm', [...regather, 'check', 'examples/words/regather.yaml'], {
    cwd: packageRoot,
  });
  t.regex(plan, /top by count desc, text/);
});
