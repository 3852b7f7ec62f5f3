/** Node fires a timer above 2³¹ − 1 ms at once, so a method with `timeout_ms: 4294967295` failed every request on the spot. */
import test from 'ava';
import { systemClock } from '../../shared/clock.ts';

test('a delay above what Node can count is not over at once', async (t) => {
  let fired = false;
  const far = systemClock.setTimer(
    () => {
      fired = true;
    },
    2 ** 32 - 1,
  );
  // Node makes a delay of 1 ms of one that it can't count, and timers of equal delays fire in the order in which they were set.
  await new Promise((resolve) => setTimeout(resolve, 1));
  far.cancel();
  t.false(fired);
});
