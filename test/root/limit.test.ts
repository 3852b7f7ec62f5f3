/** How many leaf calls may be under way, window by window, on a clock of the test's own. */
import test from 'ava';
import { AdaptiveLimit } from '../../root/admission/limit.ts';
import type { LoopDelay } from '../../shared/loop-delay.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

const onTime: LoopDelay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };

interface Windows {
  readonly limit: AdaptiveLimit;
  /** A second in which so much was in use, and answers of each method took so long. */
  window(options: { used: number; ms: readonly number[]; queueMs?: number; shed?: number }): number;
}

function windows(loopDelay: LoopDelay = onTime): Windows {
  const clock = new VirtualClock();
  const limit = new AdaptiveLimit({ initial: 100, min: 8, max: 1000 }, clock, loopDelay);
  const methods = [limit.method(), limit.method()];
  return {
    limit,
    window({ used, ms, queueMs = 0, shed = 0 }) {
      clock.advance(1000);
      limit.used(used);
      const total = ms.reduce((sum, value) => sum + value, 0);
      limit.reported({ queueUs: queueMs * 1000, serviceUs: total * 1000, tasks: 100, shared: 100, shed });
      for (const [i, value] of ms.entries()) {
        for (let answers = 0; answers < 20; answers++) limit.answered(methods[i]!, value, 1);
      }
      return limit.units;
    },
  };
}

test('the limit falls while answers take longer than they should because they wait, and rises again', (t) => {
  const { limit, window } = windows();
  for (let i = 0; i < 12; i++) window({ used: 20, ms: [20] });
  t.is(limit.units, 100, 'what is not used is not adapted');
  for (let i = 0; i < 10; i++) window({ used: limit.units, ms: [100], queueMs: 1000 });
  t.true(limit.units < 45, `${limit.units}`);
  const low = limit.units;
  for (let i = 0; i < 5; i++) window({ used: limit.units, ms: [21], queueMs: 1 });
  t.true(limit.units > low * 1.4, `${limit.units}`);
  for (let i = 0; i < 100; i++) window({ used: limit.units, ms: [21], queueMs: 1 });
  t.is(limit.units, 1000);
  for (let i = 0; i < 100; i++) window({ used: limit.units, ms: [100], queueMs: 1000 });
  t.true(limit.units >= 8 && limit.units < 12, `${limit.units}`);
});

test('another mix of methods is not overload', (t) => {
  const { limit, window } = windows();
  for (let i = 0; i < 12; i++) window({ used: 90, ms: [1, 100], queueMs: 500 });
  const before = limit.units;
  for (let i = 0; i < 12; i++) window({ used: limit.units, ms: [1, 100], queueMs: 500 });
  t.true(limit.units >= before);
});

test('answers that take four times as long without waiting for slots leave the limit alone; the usual follows', (t) => {
  const { limit, window } = windows();
  for (let i = 0; i < 12; i++) window({ used: 10, ms: [20], queueMs: 1 });
  for (let i = 0; i < 60; i++) window({ used: limit.units, ms: [80], queueMs: 1 });
  t.true(limit.units >= 100, `${limit.units}`);
  const shifted = limit.units;
  for (let i = 0; i < 5; i++) window({ used: limit.units, ms: [20], queueMs: 1 });
  t.true(limit.units >= shifted);
});

test('workers that do not tell are taken at the latency, and a shift does not stick', (t) => {
  const clock = new VirtualClock();
  const limit = new AdaptiveLimit({ initial: 100, min: 8, max: 1000 }, clock, onTime);
  const method = limit.method();
  const second = (ms: number): void => {
    clock.advance(1000);
    limit.used(limit.units);
    for (let i = 0; i < 20; i++) limit.answered(method, ms, 1);
  };
  for (let i = 0; i < 12; i++) second(20);
  for (let i = 0; i < 60; i++) second(80);
  const low = limit.units;
  t.true(low >= 8 && low < 20, `${low}`);
  // Back: it has to be more than half of what it was within seconds, as the rest of it is headroom anyway.
  for (let i = 0; i < 15; i++) second(20);
  t.true(limit.units >= 4 * low, `${limit.units}`);
});

test('a root whose event loop is late is overloaded, whatever workers say', (t) => {
  const delay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };
  const { limit, window } = windows(delay);
  for (let i = 0; i < 12; i++) window({ used: 20, ms: [10] });
  delay.meanMs = 40;
  for (let i = 0; i < 5; i++) window({ used: limit.units, ms: [10] });
  t.true(limit.units < 80, `${limit.units}`);
});

test('tasks that workers turn away lower the limit, whatever the latency of the others', (t) => {
  const { limit, window } = windows();
  for (let i = 0; i < 12; i++) window({ used: 20, ms: [20] });
  for (let i = 0; i < 5; i++) window({ used: limit.units, ms: [20], shed: 30 });
  t.true(limit.units < 70, `${limit.units}`);
});

/** A limit that began far above what workers can do was never half used: at twice the load a quarter of what they could do was lost to tasks that came to nothing. */
test('tasks that workers turn away bring the limit down to what is under way, however high it was', (t) => {
  const { limit, window } = windows();
  for (let i = 0; i < 12; i++) window({ used: 20, ms: [20] });
  t.is(limit.units, 100);
  window({ used: 30, ms: [20], shed: 30 });
  t.true(limit.units < 30, `${limit.units}`);
  for (let i = 0; i < 30; i++) window({ used: limit.units, ms: [20] });
  t.true(limit.units > 60, `it comes back when they have room: ${limit.units}`);
});

test('with nothing but streams, which give no samples, the limit grows while workers have room', (t) => {
  const clock = new VirtualClock();
  const limit = new AdaptiveLimit({ initial: 100, min: 8, max: 1000 }, clock, onTime);
  const second = (queueMs: number): void => {
    limit.used(limit.units);
    clock.advance(1000);
    for (let i = 0; i < 10; i++)
      limit.reported({ queueUs: queueMs * 1000, serviceUs: 100_000, tasks: 2, shared: 2, shed: 0 });
  };
  for (let i = 0; i < 10; i++) second(1);
  const grown = limit.units;
  t.true(grown > 200, `${grown}`);
  // The first window that ends has half of the second before in it.
  for (let i = 0; i < 2; i++) second(500);
  const waiting = limit.units;
  for (let i = 0; i < 10; i++) second(500);
  t.true(limit.units <= waiting + 3, `${waiting} ${limit.units}`);
});

test('the limit is per worker of the topology', (t) => {
  const { limit } = windows();
  limit.workers = 8;
  t.is(limit.units, 800);
  limit.workers = 0;
  t.is(limit.units, 100);
});
