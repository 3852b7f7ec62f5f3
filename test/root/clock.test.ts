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
  // Due after it if that one fires at once. Held by a timer that keeps the process alive.
  await new Promise((resolve) => setTimeout(resolve, 20));
  far.cancel();
  t.false(fired);
});
