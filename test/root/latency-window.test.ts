import test from 'ava';
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

test('a quantile is read off again after a tenth of a second, not before', (t) => {
  const window = new LatencyWindow(0.95);
  window.record(10, 0);
  const before = window.median(0);
  window.record(1000, 10);
  window.record(1000, 10);
  t.is(window.median(99), before);
  t.true(window.median(100) > 900);
});
