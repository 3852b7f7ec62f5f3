/** Logs of a process whose reader is gone, or that ends while lines are left: at exit it hung for good where the first failed write was at exit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';

const logger = new URL('../../shared/log/logger.ts', import.meta.url).href;

function start(t: ExecutionContext, body: string) {
  const code = `import { createLogger } from ${JSON.stringify(logger)};
const log = createLogger();
process.stdin.once('data', () => { ${body} });
process.stdout.write('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'pipe' });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

test('a process whose log nobody reads any more ends all the same', async (t) => {
  for (const body of [
    "log.info('a'); log.info('b'); process.exit(3);",
    "log.info('a'); setTimeout(() => { log.info('b'); log.info('c'); process.exit(3); }, 50);",
  ]) {
    const child = start(t, body);
    await once(child.stdout, 'data');
    child.stderr.destroy();
    child.stdin.write('go');
    const [code, signal] = await once(child, 'exit');
    t.deepEqual([code, signal], [3, null]);
  }
});

test('lines of the last moment, as many as there are, are written, once and in order', async (t) => {
  const child = start(t, "for (let i = 0; i < 20000; i++) log.info('line ' + i); process.exit(0);");
  await once(child.stdout, 'data');
  const all = text(child.stderr);
  child.stdin.write('go');
  const lines = (await all).trimEnd().split('\n');
  t.deepEqual(
    lines.map((line) => (JSON.parse(line) as { message: string }).message),
    Array.from({ length: 20000 }, (_, i) => `line ${i}`),
  );
});
