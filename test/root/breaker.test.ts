import test from 'ava';
import {
  Breaker,
  type BreakerOptions,
  type BreakerState,
  BreakerWindow,
  defaultBreakerOptions,
} from '../../root/replicas/breaker.ts';
import type { Clock } from '../../shared/clock.ts';

/** Settled outcomes reach opossum's counters in microtasks. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<BreakerOptions> = {}) {
  let now = 0;
  const clock: Clock = { now: () => now, setTimer: () => ({ cancel() {} }) };
  const states: BreakerState[] = [];
  const probes: boolean[] = [];
  const window = new BreakerWindow(10_000, clock);
  const breaker = new Breaker(
    window,
    { ...defaultBreakerOptions, ...options },
    { changed: (state) => states.push(state), probed: (succeeded) => probes.push(succeeded) },
    clock,
    () => 0.5,
  );
  return {
    breaker,
    states,
    probes,
    window,
    /** An attempt that has 1 s. */
    begin(): object {
      const attempt = {};
      breaker.begin(attempt, now + 1000);
      return attempt;
    },
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
    const attempt = {};
    breaker.begin(attempt, 1000);
    breaker.failure(attempt);
  }
  await settle();
}

function succeed(breaker: Breaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.success({}, 1);
}

test('fewer outcomes than the volume never open it', async (t) => {
  const { breaker, close } = setUp();
  await fail(breaker, 19);
  t.is(breaker.state, 'closed');
  await fail(breaker, 1);
  t.is(breaker.state, 'open');
  t.is(breaker.why, '20 of 20 attempts failed');
  t.false(breaker.allows);
  close();
});

test('half of the outcomes failing is not more than half', async (t) => {
  const { breaker, close } = setUp();
  for (let i = 0; i < 50; i++) {
    succeed(breaker, 1);
    await settle();
    await fail(breaker, 1);
  }
  t.is(breaker.state, 'closed');
  close();
});

test('successes count too, though opossum is not fired for each', async (t) => {
  const { breaker, window, close } = setUp();
  succeed(breaker, 100);
  window.rotate();
  succeed(breaker, 50);
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

test('the window turns by its clock', (t) => {
  const timers: { callback: () => void; delayMs: number }[] = [];
  const clock: Clock = {
    now: () => 0,
    setTimer(callback, delayMs) {
      timers.push({ callback, delayMs });
      return { cancel: () => timers.pop() };
    },
  };
  const window = new BreakerWindow(10_000, clock);
  let turns = 0;
  window.emitter.on('rotate', () => turns++);
  for (let i = 0; i < 3; i++) timers.pop()!.callback();
  t.is(turns, 3);
  t.deepEqual(
    timers.map(({ delayMs }) => delayMs),
    [1000],
  );
  window.close();
  t.is(timers.length, 0);
});

test('after the backoff one attempt at a time is let through, and three successes close it', async (t) => {
  const { breaker, states, probes, begin, advance, close } = setUp();
  await fail(breaker, 20);
  advance(4_999);
  t.false(breaker.allows);
  advance(1);
  for (let probe = 0; probe < 3; probe++) {
    t.true(breaker.allows);
    const attempt = begin();
    t.false(breaker.allows, 'one at a time');
    t.is(breaker.state, 'half-open');
    breaker.success(attempt, 1);
  }
  t.is(breaker.state, 'closed');
  t.is(breaker.why, '');
  t.deepEqual(states, ['open', 'half-open', 'closed']);
  t.deepEqual(probes, [true, true, true]);
  close();
});

test('what opened it is forgotten when it closes: the next failure alone does not open it', async (t) => {
  const { breaker, begin, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  for (let probe = 0; probe < 3; probe++) breaker.success(begin(), 1);
  await fail(breaker, 1);
  t.is(breaker.state, 'closed');
  close();
});

test('a probe that fails doubles the backoff, up to the maximum', async (t) => {
  const { breaker, begin, advance, close } = setUp();
  await fail(breaker, 20);
  let backoff = 5_000;
  for (let round = 0; round < 6; round++) {
    advance(backoff - 1);
    t.false(breaker.allows);
    advance(1);
    t.true(breaker.allows);
    breaker.failure(begin());
    backoff = Math.min(60_000, backoff * 2);
  }
  t.is(backoff, 60_000);
  close();
});

test('the backoff varies by a fifth either way', async (t) => {
  for (const [random, untilMs] of [
    [0, 4_000],
    [1, 6_000],
  ] as const) {
    let now = 0;
    const clock: Clock = { now: () => now, setTimer: () => ({ cancel() {} }) };
    const window = new BreakerWindow(10_000, clock);
    const breaker = new Breaker(window, defaultBreakerOptions, {}, clock, () => random);
    await fail(breaker, 20);
    now = untilMs - 1;
    t.false(breaker.allows);
    now = untilMs;
    t.true(breaker.allows);
    breaker.close();
    window.close();
  }
});

test('a cancelled probe says nothing and lets the next one through', async (t) => {
  const { breaker, begin, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  breaker.neutral(begin());
  t.true(breaker.allows);
  t.is(breaker.state, 'half-open');
  close();
});

/**
 * Outcomes were counted without asking whose they were: an answer from before the breaker opened, or from an attempt that was sent beside
 * the probe because the shard had no other replica, ended the probe's turn and closed the breaker.
 */
test('only the probe is heard: not an attempt from before, nor one beside it', async (t) => {
  const { breaker, probes, begin, advance, close } = setUp();
  const before = begin();
  await fail(breaker, 20);
  advance(5_000);
  const probe = begin();
  const beside = begin();
  for (let i = 0; i < 3; i++) {
    breaker.success(before, 1);
    breaker.success(beside, 1);
  }
  t.is(breaker.state, 'half-open');
  t.false(breaker.allows, 'the probe is still under way');
  breaker.failure(before);
  breaker.neutral(beside);
  t.is(breaker.state, 'half-open');
  t.false(breaker.allows);
  t.deepEqual(probes, []);
  breaker.failure(probe);
  t.is(breaker.state, 'open');
  close();
});

/** A probe whose end never came kept its replica half-open, and everybody else away, for ever. */
test('a probe that never ends has failed at its deadline', async (t) => {
  const { breaker, probes, begin, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  const hung = begin();
  advance(999);
  t.false(breaker.allows);
  t.is(breaker.state, 'half-open');
  advance(1);
  t.is(breaker.state, 'open');
  t.deepEqual(probes, [false]);
  breaker.success(hung, 10_000);
  advance(9_999);
  t.false(breaker.allows, 'twice the backoff');
  advance(1);
  t.true(breaker.allows);
  close();
});

test('a probe with a far deadline is waited for as long as the longest backoff, and has not failed then', async (t) => {
  const { breaker, probes, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  breaker.begin({}, 5_000 + 3_600_000);
  advance(59_999);
  t.false(breaker.allows);
  advance(1);
  t.true(breaker.allows);
  t.is(breaker.state, 'half-open');
  t.deepEqual(probes, []);
  close();
});

test('ejected for being slow, it comes back through probes that are fast enough', (t) => {
  const { breaker, states, begin, advance, close } = setUp();
  t.true(breaker.trip({ reason: 'slow', limitMs: 30 }));
  t.true(breaker.ejected);
  t.false(breaker.trip({ reason: 'slower', limitMs: 10 }), 'it is open already');
  t.is(breaker.why, 'slow');
  advance(5_000);
  breaker.success(begin(), 30);
  breaker.success(begin(), 31);
  t.is(breaker.state, 'open', 'an answer in 31 ms is none');
  advance(10_000);
  breaker.success(begin(), Number.NaN);
  t.is(breaker.state, 'half-open');
  t.true(breaker.allows, 'how long a stream took says nothing');
  for (let i = 0; i < 3; i++) breaker.success(begin(), 2);
  t.is(breaker.state, 'closed');
  t.false(breaker.ejected);
  t.deepEqual(states, ['open', 'half-open', 'open', 'half-open', 'closed']);
  close();
});

test('held closed, it is not opened by failures or slowness; held open, it refuses even the last resort', async (t) => {
  const { breaker, states, begin, close } = setUp();
  breaker.override = 'closed';
  await fail(breaker, 100);
  t.false(breaker.trip({ reason: 'slow', limitMs: 1 }));
  t.is(breaker.state, 'closed');
  t.true(breaker.allows);
  breaker.override = 'open';
  t.true(breaker.refuses);
  t.false(breaker.allows);
  t.is(breaker.why, 'an operator opened it');
  breaker.success(begin(), 1);
  t.is(breaker.state, 'open');
  breaker.override = undefined;
  t.false(breaker.refuses);
  t.is(breaker.state, 'closed');
  t.deepEqual(states, ['open', 'closed']);
  await fail(breaker, 19);
  t.is(breaker.state, 'closed', 'failures while it was held are not remembered');
  close();
});

test('left to itself again, it goes on where it was', async (t) => {
  const { breaker, begin, advance, close } = setUp();
  await fail(breaker, 20);
  advance(5_000);
  const probe = begin();
  breaker.override = 'closed';
  breaker.override = undefined;
  t.is(breaker.state, 'half-open');
  t.true(breaker.allows, 'the probe from before is not waited for');
  breaker.failure(probe);
  t.is(breaker.state, 'half-open', 'nor heard');
  close();
});

test('closed for good, it no longer listens, whatever still ends', async (t) => {
  const { breaker, window, close } = setUp();
  close();
  await fail(breaker, 30);
  breaker.override = 'open';
  breaker.override = undefined;
  t.is(window.emitter.listenerCount('rotate'), 0);
  t.is(window.emitter.listenerCount('settle'), 0);
});

test('turned off, no failures open it; slowness and operators do', async (t) => {
  const { breaker, advance, begin, close } = setUp({ enabled: false });
  await fail(breaker, 1000);
  t.is(breaker.state, 'closed');
  t.true(breaker.trip({ reason: 'slow', limitMs: 5 }));
  t.is(breaker.state, 'open');
  advance(5_000);
  breaker.failure(begin());
  t.is(breaker.state, 'open', 'a probe that fails keeps it so');
  breaker.override = 'closed';
  t.true(breaker.allows);
  breaker.override = 'open';
  t.true(breaker.refuses);
  close();
});
