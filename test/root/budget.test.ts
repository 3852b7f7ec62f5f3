/** G5: whatever is asked for, extra work stays within the share of first attempts and what could be saved up. */
import test from 'ava';
import fc from 'fast-check';
import { defaultPolicy } from '../../root/policy.ts';
import { type ExtraKind, ExtraWork } from '../../root/replicas/budget.ts';
import type { Clock } from '../../shared/clock.ts';

function setUp(over: Partial<typeof defaultPolicy.budget> = {}) {
  const time = { now: 0 };
  const clock: Clock = { now: () => time.now, setTimer: () => ({ cancel() {} }) };
  return { time, work: new ExtraWork({ ...defaultPolicy.budget, ...over }, clock) };
}

function takeAll(work: ExtraWork, kind: ExtraKind): number {
  let taken = 0;
  while (work.take(kind)) taken++;
  return taken;
}

test('a root begins with its savings, and hedges and retries have purses of their own', (t) => {
  const { work } = setUp();
  t.is(takeAll(work, 'hedge'), 100);
  t.is(takeAll(work, 'retry'), 0, 'together they have no more');
  const other = setUp({ burst: 10 }).work;
  other.began(1000, 0);
  other.answered(1000);
  t.is(takeAll(other, 'hedge'), 10, 'no more than can be saved up');
});

test('a twentieth of first attempts may be hedged, a tenth of successes retried', (t) => {
  const { work, time } = setUp({ burst: 10 });
  takeAll(work, 'hedge');
  let hedges = 0;
  let retries = 0;
  for (let i = 0; i < 1000; i++) {
    time.now += 1;
    work.began(20, time.now);
    work.answered(20);
    hedges += takeAll(work, 'hedge');
    retries += takeAll(work, 'retry');
  }
  // 20,000 first attempts; 1 per second on top.
  t.true(hedges >= 990 && hedges <= 1000, `${hedges}`);
  t.true(retries >= 980 && retries <= 1002, `${retries}`);
});

/** A burst of what was a little late left nothing for what hung. */
test('what has been open for longer finds a token when what was a little late has taken those it may', (t) => {
  const { work } = setUp({ burst: 20 });
  work.began(1000, 0);
  const hedges = (step?: number): number => {
    let taken = 0;
    while (work.take('hedge', step)) taken++;
    return taken;
  };
  t.deepEqual([0, 1, 2, 3, 9].map(hedges), [10, 5, 3, 1, 1]);
  const least = setUp({ burst: 1 }).work;
  t.true(least.take('hedge', 0), 'the only one may be had at once');
});

test('where everything fails, retries end: nothing is earned but one a second', (t) => {
  const { work, time } = setUp();
  takeAll(work, 'retry');
  let retries = 0;
  for (let second = 0; second < 60; second++) {
    time.now += 1000;
    work.began(1000, time.now);
    retries += takeAll(work, 'retry');
  }
  t.is(retries, 60);
});

test('two seconds of a busy root can be saved up, and are lost when it rests', (t) => {
  const { work, time } = setUp();
  for (let second = 0; second < 5; second++) {
    for (let i = 0; i < 100; i++) {
      time.now += 10;
      work.began(1000, time.now);
    }
  }
  // 100,000 a second: 5 % of two seconds.
  t.is(Math.round(work.tokens.hedge), 10_000);
  time.now += 1000;
  work.began(1, time.now);
  t.is(work.tokens.hedge, 100);
});

test('in any order of anything, together no more than a tenth of first attempts, one a second, and the savings', (t) => {
  const step = fc.record({
    ms: fc.integer({ min: 0, max: 2000 }),
    began: fc.integer({ min: 0, max: 500 }),
    failing: fc.boolean(),
    kind: fc.constantFrom('hedge' as const, 'retry' as const, 'probe' as const),
    wanted: fc.integer({ min: 0, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), (steps, burst) => {
      const { work, time } = setUp({ burst });
      let primaries = 0;
      for (const { ms, began, failing, kind, wanted } of steps) {
        time.now += ms;
        work.began(began, time.now);
        primaries += began;
        if (!failing) work.answered(began);
        for (let i = 0; i < wanted; i++) work.take(kind);
      }
      const { hedge, retry, probe } = work.spent;
      const seconds = time.now / 1000;
      return (
        hedge <= 0.05 * primaries + burst + 1e-6 &&
        hedge + retry + probe <= 0.1 * primaries + seconds + burst + 1e-6
      );
    }),
  );
  t.pass();
});
