import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { LatencyWindow } from '../../root/replicas/latency-window.ts';

test('quantiles are within a sixteenth of the exact ones, whatever the latencies', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.02, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0.01, max: 0.999, noNaN: true }),
      (latencies, quantile) => {
        const window = new LatencyWindow(quantile);
        for (const latency of latencies) window.record(latency, 0);
        const sorted = [...latencies].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(quantile * sorted.length - 1e-9) - 1)]!;
        const told = window.tail(0);
        return told >= exact * (1 - 1 / 16) - 0.001 && told <= exact * (1 + 1 / 16) + 0.001;
      },
    ),
  );
  t.pass();
});

test('tasks count for ten seconds', (t) => {
  const window = new LatencyWindow(0.95);
  for (let second = 0; second < 30; second++) {
    for (let i = 0; i < 10; i++) window.record(second < 15 ? 100 : 1, second * 1000 + i);
    t.is(window.count(second * 1000 + 500), 10 * Math.min(10, second + 1));
  }
  t.true(window.tail(29_500) < 2);
  t.is(window.count(60_000), 0);
  t.is(window.tail(60_000), 0);
  window.record(7, 60_100);
  t.is(window.count(60_100), 1);
});

/** So many tasks in each of those seconds, a tenth of them slow; `factor`: of each second. */
function seconds(window: LatencyWindow, from: number, factors: readonly number[], tasks = 1000): void {
  factors.forEach((factor, second) => {
    for (let i = 0; i < tasks; i++) {
      window.record(factor * (i % 10 === 0 ? 20 : 5), (from + second) * 1000 + (i / tasks) * 999);
    }
  });
}

const about = (t: ExecutionContext, actual: number, expected: number) =>
  t.true(Math.abs(actual - expected) <= expected / 16, `${actual}, not ${expected}`);

/** Half a second of a cold start kept the delay at four times the usual for ten seconds. */
test('one or two seconds in which everything is slow do not lift the tail', (t) => {
  for (const slow of [
    [1, 10],
    [10, 10],
  ]) {
    const window = new LatencyWindow(0.95);
    seconds(window, 0, [...slow, 1, 1, 1]);
    about(t, window.tail(4999), 20);
    about(t, window.median(4999), 5);
    t.is(window.count(4999), 5000, 'they are left out of the tail only');
  }
});

test('what lasts counts from the third second on', (t) => {
  const window = new LatencyWindow(0.95);
  seconds(window, 0, new Array(10).fill(1));
  seconds(window, 10, [10, 10]);
  about(t, window.tail(11_999), 20);
  seconds(window, 12, [10]);
  // One slow second in eight: that is where its own median lies.
  about(t, window.tail(12_999), 50);
  seconds(window, 13, [10, 10, 10]);
  about(t, window.tail(15_999), 200);
});

test('a second that is up to twice as slow as the usual is one of the ten', (t) => {
  const window = new LatencyWindow(0.95);
  seconds(window, 0, [1, 1, 1, 1.9, 1, 1, 1, 1, 1, 1]);
  const all = new LatencyWindow(0.95);
  for (let i = 0; i < 10_000; i++) all.record((i % 10 === 3 ? 1.9 : 1) * (i % 100 < 10 ? 20 : 5), 0);
  t.is(window.tail(9_999), all.tail(0));
});

test('where seconds have few tasks, as many as tell the quantile count as one', (t) => {
  const window = new LatencyWindow(0.95);
  // 50 tasks in a second: four of them tell a p95. The slow ones are in the second group of two, and the lower of two is the usual.
  seconds(window, 0, [10, 10, 10, 10, 1, 1, 1, 1], 50);
  about(t, window.tail(7_999), 20);
  const few = new LatencyWindow(0.95);
  seconds(few, 0, [10, 10, 10, 1, 1], 50);
  about(t, few.tail(4_999), 200);
});

test('a quantile is read off again after a tenth of a second, not before', (t) => {
  const window = new LatencyWindow(0.95);
  window.record(10, 0);
  const before = window.median(0);
  window.record(1000, 10);
  window.record(1000, 10);
  t.is(window.median(99), before);
  t.true(window.median(100) > 900);
});
