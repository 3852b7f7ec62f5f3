import test from 'ava';
import type { Progress } from '../../bench/load/progress.ts';
import { progressLine, resultText, textScreen } from '../../cli/commands/bench/load-screen.ts';
import { syntheticRun } from './synthetic-run.ts';

const progress: Progress = {
  atMs: 119_000,
  durationMs: 120_000,
  perSecond: 4000,
  okPerSecond: 3999,
  p50Ms: 12.34,
  p99Ms: 1234,
  ok: 123_456_789,
  errors: 1234,
  dropped: 0,
  coverage: 0.995,
};

test('rate, p50 and p99, errors and coverage stay on a terminal of 80 columns, whatever was counted', (t) => {
  const drawn: string[] = [];
  const screen = textScreen(
    (text) => drawn.push(text),
    () => 80,
  );
  screen.progress(progress);
  screen.progress(progress);
  t.is(drawn[0], '\r\u001b[2K');
  t.true(drawn[1]!.length < 80 && !drawn[1]!.includes('\n'));
  t.regex(
    drawn[1]!,
    /^119 of 120 s {2}3,999\/s {2}p50 12\.3 ms {2}p99 1,234 ms {2}1234 failed {2}coverage 99\.5 %/,
  );
  // Over itself: the second takes the first one's place.
  t.deepEqual(drawn.slice(2), drawn.slice(0, 2));
});

test('elsewhere progress is a line each, without what was not told', (t) => {
  const drawn: string[] = [];
  textScreen((text) => drawn.push(text), undefined).progress({
    ...progress,
    atMs: -4000,
    coverage: Number.NaN,
    dropped: 3,
  });
  t.is(drawn.length, 1);
  t.true(drawn[0]!.startsWith('warm-up, 4 s left  '));
  t.true(drawn[0]!.endsWith('1234 failed  3 dropped  123456789 ok\n'));
  t.false(progressLine(progress).includes('dropped'));
});

test('the result has a line for each phase, in what was offered and what was answered', (t) => {
  const run = syntheticRun({ seed: 1, steps: [50, 100].map((perSecond) => ({ perSecond, seconds: 3 })) });
  const lines = resultText(run).split('\n');
  t.regex(lines[0]!, /^ +offered\/s +ok\/s +p50 ms +p90 +p99 +p99\.9 +max +coverage +failed$/);
  t.deepEqual(
    lines.slice(1).map((line) => line.split(/ {2,}/)[0]),
    ['50/s', '100/s', 'all'],
  );
  t.is(
    resultText({ ...run, interrupted: true })
      .split('\n')
      .at(-1),
    'Interrupted: shorter than asked for.',
  );
});
