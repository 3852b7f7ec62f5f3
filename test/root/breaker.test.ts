import test from 'ava';
import {
  Breaker,
  type BreakerState,
  BreakerWindow,
  defaultBreakerOptions,
} from '../../root/replicas/breaker.ts';
import type { Clock } from '../../shared/clock.ts';

/** Settled outcomes reach opossum's counters in microtasks. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  let now = 0;
  const clock: Clock = { now: () => now, setTimer: () => ({ cancel() {} }) };
  const states: BreakerState[] = [];
  const window = new BreakerWindow(10_000);
  const breaker = new Breaker(
    window,
    defaultBreakerOptions,
    (state) => states.push(state),
    clock,
    () => 0.5,
  );
  return {
    breaker,
    states,
    window,
    advance(ms: number) {
      now += ms;
    },
    close() {
      breaker.close();
      window.close();
    },
  };
}

async function fail(breaker: Breaker, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    breaker.begin();
    breaker.failure();
  }
  await settle();
}

test('fewer outcomes than the volume never open it', async (t) => {
  const { breaker, close } = setUp();
  await fail(breaker, 19);
  t.is(breaker.state, 'closed');
  await fail(breaker, 1);
  t.is(breaker.state, 'open');
  t.false(breaker.allows);
  close();
});

test('half of the outcomes failing is not more than half', async (t) => {
  const { breaker, close } = setUp();
  for (let i = 0; i < 50; i++) {
    breaker.success();
    await settle();
    breaker.failure();
    await settle();
  }
  t.is(breaker.state, 'closed');
  close();
});

test('successes count too, though opossum is not fired for each', async (t) => {
  const { breaker, window, close } = setUp();
  for (let i = 0; i < 100; i++) breaker.success();
  window.rotate();
  for (let i = 0; i < 50; i++) breaker.success();
  await fail(breaker, 150);
  t.is(breaker.state, 'closed', '150 of 300 is not above half');
  await fail(breaker, 1);
  t.is(breaker.state, 'open');
  close();
});

test('outcomes older than the window are forgotten', async (t) => {
  const { breaker, window, close } = setUp();
  await fail(breaker, 19);
  for (let i = 0; i < 10; i++) window.rotate();
  await fail(breaker, 10);
  t.is(breaker.state, 'closed');
  close();
});

test('after the backoff one attempt at a time is let through, and three successes close it', async (t) => {
  const { breaker, states, advance, close } = setUp();
  await fail(breaker, 20);
  advance(4_999);
  t.false(breaker.allows);
  advance(1);
  for (let probe = 0; probe < 3; probe++) {
    t.true(breaker.allows);
    breaker.begin();
    t.false(breaker.allows, 'one at a time');
    t.is(breaker.state, 'half-open');
    breaker.success();
  }
  t.is(breaker.state, 'closed');
  t.deepEqual(states, ['open', 'half-open', 'closed']);
  close();
});

test('what opened it is forgotten when it closes: the next failure alone does not open it', async (t) => {
  const { breaker, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  for (let probe = 0; probe < 3; probe++) {
    breaker.begin();
    breaker.success();
  }
  await fail(breaker, 1);
  t.is(breaker.state, 'closed');
  close();
});

test('a probe that fails doubles the backoff, up to the maximum', async (t) => {
  const { breaker, advance, close } = setUp();
  await fail(breaker, 20);
  let backoff = 5_000;
  for (let round = 0; round < 6; round++) {
    advance(backoff - 1);
    t.false(breaker.allows);
    advance(1);
    t.true(breaker.allows);
    breaker.begin();
    breaker.failure();
    backoff = Math.min(60_000, backoff * 2);
  }
  t.is(backoff, 60_000);
  close();
});

test('a cancelled probe says nothing and lets the next one through', async (t) => {
  const { breaker, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  breaker.begin();
  breaker.neutral();
  t.true(breaker.allows);
  t.is(breaker.state, 'half-open');
  close();
});
