/** What a cluster leaves behind: nothing while it idles but its connections, nothing at all once it is stopped. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Seen } from './cluster-process.ts';

const file = fileURLToPath(new URL('cluster-process.ts', import.meta.url));
const EXIT_WITHIN_MS = 10_000;

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';
  test.serial(`thousands of requests with every fault leave nothing behind, ${how}`, async (t) => {
    const child = fork(file, [links ? 'links' : 'plain'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    t.teardown(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    const first = await Promise.race([once(child, 'message'), exit.then(() => undefined)]);
    t.truthy(first, 'it ended before it told anything');
    const [seen] = first as [Seen];
    t.log(`${seen.answers} answers, by status ${JSON.stringify(seen.codes)}`);
    t.true(seen.answers > 2000);
    // OK, CANCELLED, UNKNOWN (thrown), DEADLINE_EXCEEDED, FAILED_PRECONDITION, INTERNAL: all were there.
    for (const code of [0, 1, 4, 9, 13])
      t.true((seen.codes[code] ?? 0) > 0, `some answers with status ${code}`);

    const { idle } = seen;
    t.is(idle.root.inFlight, 0);
    t.deepEqual(
      idle.root.workers.map(({ id, state, inFlight }) => ({ id, state, inFlight })),
      ['w0', 'w1', 'w2'].map((id) => ({ id, state: links ? 'link' : 'plain', inFlight: 0 })),
    );
    for (const value of Object.values(idle.rootMetrics)) t.is(value, 0, JSON.stringify(idle.rootMetrics));
    for (const { calls, links: open, tasks } of idle.workers) {
      t.is(calls, 0);
      t.is(open, links ? 1 : 0);
      t.is(tasks.running, 0);
      t.is(tasks.waiting, 0);
    }
    t.is(idle.handlers.started, idle.handlers.finished);
    for (const [name, count] of Object.entries(idle.resources)) {
      // A little slack: timers that are about to fire, a connection more.
      t.true(
        count <= (seen.resourcesBefore[name] ?? 0) + 3,
        `${name}: ${seen.resourcesBefore[name] ?? 0}, then ${count}`,
      );
    }

    t.deepEqual(seen.rejections, []);
    t.deepEqual(seen.warnings, []);
    // What is left is the channel on which this was told.
    t.deepEqual(
      seen.resources.filter((name) => name !== 'PipeWrap'),
      [],
    );
    const late = new Promise<string>((resolve) => setTimeout(resolve, EXIT_WITHIN_MS, 'still there').unref());
    const ended = await Promise.race([exit.then(([code, signal]) => code ?? signal), late]);
    t.is(ended, 0, 'it exits by itself');
  });
}
