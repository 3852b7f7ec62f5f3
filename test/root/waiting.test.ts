/**
 * Under an overload of high priority alone, requests of lower priority that had been turned away stayed in the line's lists, with all that
 * they held, and every look at the line went past them: nothing dropped them before the higher priority ran dry.
 */
import test from 'ava';
import { Waiting, WaitingLine } from '../../root/admission/waiting.ts';

class Entry extends Waiting {
  readonly units = 1;
  readonly sizeBytes = 10;
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
    Object.defineProperty(entry, 'giveUpAt', {
      get() {
        looks++;
        return now;
      },
    });
    t.is(line.first()?.priority, 1);
  }
  t.is(line.nextGiveUp(), Number.POSITIVE_INFINITY);
  t.deepEqual(line.takeOverdue(2000), []);
  t.like(line.ahead(2), { size: 0, units: 0, sizeBytes: 0 });
  t.deepEqual([looks, line.size, line.units, line.sizeBytes], [0, 1, 1, 10]);
});

/** Those that left stayed in the lists until their turn, or until half of the list had gone, with the request that they had. */
test('who leaves from anywhere in the line, or is let in, is held by nothing in it', (t) => {
  const line = new WaitingLine<Entry>();
  const entries = [0, 0, 0, 0, 5, 5].map((priority) => new Entry(priority, 1000));
  for (const entry of entries) line.push(entry);
  const [first, second, third, fourth, high, higher] = entries;
  const inOrder = (): (Entry | undefined)[] => {
    const order: (Entry | undefined)[] = [];
    for (let next = line.first(); next !== undefined; next = line.first()) {
      order.push(next);
      t.true(line.remove(next));
    }
    return order;
  };
  for (const gone of [second, fourth, high]) {
    t.true(line.remove(gone!));
    t.false(line.remove(gone!), 'once');
  }
  t.like(line.ahead(1), { size: 1, units: 1, sizeBytes: 10 });
  t.is(line.lastBelow(5), third);
  t.is(line.lastBelow(0), undefined);
  t.deepEqual(inOrder(), [higher, first, third]);
  for (const entry of entries) t.like(entry, { level: undefined, earlier: undefined, later: undefined });
  t.deepEqual([line.size, line.units, line.sizeBytes], [0, 0, 0]);
  t.is(line.lastBelow(9), undefined);
});
