import test from 'ava';
import { LoopDelayMonitor, loopDelayStatus } from '../../shared/loop-delay.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

function monitored(): { clock: VirtualClock; delay: LoopDelayMonitor } {
  const clock = new VirtualClock();
  const delay = new LoopDelayMonitor(clock);
  delay.start();
  clock.advance(2000);
  return { clock, delay };
}

test('a loop that is never late has no delay', (t) => {
  const { delay } = monitored();
  t.deepEqual([delay.p50Ms, delay.p99Ms, delay.meanMs, delay.takeMaxMs()], [0, 0, 0, 0]);
});

test('a pause counts as long as it lasts, and is forgotten after two seconds', (t) => {
  const { clock, delay } = monitored();
  clock.advance(20);
  clock.block(320);
  clock.advance(0);
  // What came at a random moment of the pause waited 150 ms on average; 15 of the last 100 slots were in it.
  t.is(delay.p99Ms, 280);
  t.is(delay.meanMs, (300 / 2 / 100) * 16);
  t.is(delay.p50Ms, 0);
  t.deepEqual(loopDelayStatus(delay), { p50: 0, p99: 280 });
  clock.advance(1600);
  t.is(delay.p99Ms, 280);
  clock.advance(400);
  t.is(delay.p99Ms, 0);
});

test('pauses of 30 ms every second show in the p99, though most timers are on time', (t) => {
  const { clock, delay } = monitored();
  for (let i = 0; i < 3; i++) {
    clock.advance(1000);
    clock.block(50);
    clock.advance(0);
  }
  t.true(delay.p99Ms >= 20, `${delay.p99Ms}`);
});

test('one short pause in two seconds does not', (t) => {
  const { clock, delay } = monitored();
  clock.block(38);
  clock.advance(0);
  t.is(delay.p99Ms, 0);
  t.is(delay.takeMaxMs(), 18);
  t.is(delay.takeMaxMs(), 0);
});

test('a stopped monitor has no timer left', (t) => {
  const { clock, delay } = monitored();
  delay.stop();
  t.true(clock.step());
  t.false(clock.step());
});
