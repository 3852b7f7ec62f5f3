import test from 'ava';
import { Pace } from '../../shard/pace.ts';

test('one pause among short tasks does not make a call of many look late', (t) => {
  // 1,000 tasks of 0.1 ms were turned away as 3 s of work, because the loop had paused for 50 ms in the call before.
  const pace = new Pace(4);
  let now = 0;
  for (let i = 0; i < 1000; i++) {
    now += i === 990 ? 50 : 0.1;
    pace.freed(now, 0.1, i < 999);
  }
  const waitMs = pace.waitMs(1000);
  t.true(waitMs > 100 && waitMs < 200, `${waitMs} ms`);
});

test('tasks that become slow are known as slow after as many as are remembered', (t) => {
  const pace = new Pace(1);
  let now = 0;
  const run = (count: number, ms: number): void => {
    for (let i = 0; i < count; i++) {
      now += ms;
      pace.freed(now, ms, true);
    }
  };
  run(10_000, 1);
  t.is(Math.round(pace.waitMs(100)), 100);
  run(64, 100);
  t.true(pace.waitMs(100) > 8_000, `${pace.waitMs(100)} ms`);
});
