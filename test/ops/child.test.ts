/** A supervised process: what becomes of one that says it has stopped and stays. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Child, type ChildState } from '../../cli/up/child.ts';

/** Up at once; told to stop it says that it has, and its main thread stands still, as in Node's own deadlock at exit. */
const stays = `
const say = (fields) => process.stdout.write(JSON.stringify(fields) + '\\n');
process.on('SIGTERM', () => {
  say({ event: 'stopped' });
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
setInterval(() => {}, 1000);
say({ event: 'ready', address: '127.0.0.1:1', admin: '127.0.0.1:2' });
`;

test('one that has said it is stopped and does not end is killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regather-child-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'stays.mjs');
  writeFileSync(file, stays);
  const states: ChildState[] = [];
  const child = new Child({
    name: 'w1',
    args: () => [file],
    upEvent: 'ready',
    onChange: ({ state }) => states.push(state),
    onLog: (_, line) => t.fail(line),
    lingerMs: 50,
  });
  t.teardown(() => child.kill());
  await child.start();
  const pid = child.pid!;
  await child.stop();
  t.deepEqual(states, ['starting', 'ready', 'stopped']);
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
