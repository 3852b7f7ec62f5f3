import test from 'ava';
import { Cluster } from '../../cli/up/cluster.ts';
import { terminalScreen } from '../../cli/up/screen.ts';

/** What a terminal shows of it: cursor up and erase, nothing else. */
function shown(written: string): string[] {
  const lines: string[] = [''];
  // ESC is written as « here, so that it can stand in a pattern.
  const tokens = written.replaceAll('\u001b[', '«').split(/(«\d*[AJ]|\n)/);
  for (const token of tokens) {
    const up = /^«(\d+)A$/.exec(token);
    if (up !== null) lines.splice(lines.length - 1 - Number(up[1]), Number.POSITIVE_INFINITY, '');
    else if (token === '\n') lines.push('');
    else if (!token.startsWith('«')) lines[lines.length - 1] += token;
  }
  return lines.slice(0, -1);
}

function cluster(t: { teardown(run: () => void): void }): Cluster {
  const made = new Cluster({
    config: 'regather.yaml',
    settings: [],
    root: { address: '127.0.0.1:0', admin: '127.0.0.1:0' },
    placement: [[0, 1], [2]],
    onChange: () => {},
    onLog: () => {},
  });
  t.teardown(() => made.kill());
  return made;
}

test('the table is drawn over itself, and log lines stay above it', (t) => {
  let written = '';
  const screen = terminalScreen(
    (text) => {
      written += text;
    },
    () => 60,
  );
  const shows = cluster(t);
  const [first] = shows.workers;
  screen.changed(shows, first!.child);
  const before = shown(written);
  t.is(before.length, 4);
  t.regex(before[2]!, /^w0 .* 0 1 +waiting$/);
  first!.child.state = 'ready';
  screen.log(
    first!.child,
    '{"level":"warn","message":"link is down","time":"x","kind":"root","id":"w0","worker":"w1"}',
  );
  screen.log(first!.child, 'not JSON');
  screen.changed(shows, first!.child);
  const after = shown(written);
  t.deepEqual(after.slice(0, 2), ['w0 warn link is down worker="w1"', 'w0 not JSON']);
  t.is(after.length, 6);
  t.regex(after[4]!, /^w0 .* ready$/);
  screen.ready(shows, ['how to call it']);
  t.deepEqual(shown(written).slice(2, 4), ['how to call it', '']);
  t.is(shown(written).length, 8);
});

test('a narrow terminal gets shorter lines, not more of them', (t) => {
  let written = '';
  const screen = terminalScreen(
    (text) => {
      written += text;
    },
    () => 20,
  );
  const shows = cluster(t);
  screen.changed(shows, shows.root);
  screen.changed(shows, shows.root);
  t.is(shown(written).length, 4);
  t.true(shown(written).every((line) => line.length <= 20));
});
