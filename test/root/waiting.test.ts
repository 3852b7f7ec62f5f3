/**
 * Under an overload of high priority alone, requests of lower priority that had been turned away stayed in the line's lists, with all that
 * they held, and every look at the line went past them: nothing dropped them before the higher priority ran dry.
 */
import test from 'ava';
import { Waiting, WaitingLine } from '../../root/admission/waiting.ts';

class Entry extends Waiting {
  readonly units = 1;
  readonly priority: number;
  giveUpAt: number;
  constructor(priority: number, giveUpAt: number) {
    super();
    this.priority = priority;
    this.giveUpAt = giveUpAt;
  }
}

test('those that gave up are forgotten, though their priority never has its turn', (t) => {
  const line = new WaitingLine<Entry>();
  line.push(new Entry(1, Number.POSITIVE_INFINITY));
  let looks = 0;
  for (let now = 0; now < 1000; now++) {
    const entry = new Entry(0, now);
    line.push(entry);
    t.deepEqual(line.takeOverdue(now), [entry]);
    Object.defineProperty(entry, 'isWaiting', {
      get() {
        looks++;
        return false;
      },
    });
    t.is(line.first()?.priority, 1);
  }
  t.is(line.nextGiveUp(), Number.POSITIVE_INFINITY);
  t.is(line.unitsAhead(2), 0);
  t.deepEqual([looks, line.size, line.units], [0, 1, 1]);
});
