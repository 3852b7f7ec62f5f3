/** The open calls of a link, against a Map: whatever is added and removed in whatever order. */
import test from 'ava';
import { CallTable } from '../../shared/link/call-table.ts';
import { random as seededRandom } from '../kit/random.ts';

interface Call {
  readonly id: number;
}

test('finds what is open and nothing else, however calls come and go', (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const table = new CallTable<Call>();
    const model = new Map<number, Call>();
    // Up to so many at once, some of them for long: their neighbours wrap around and collide.
    const most = 1 + Math.floor(random() * 40);
    let lastId = Math.floor(random() * 1000);
    for (let step = 0; step < 600; step++) {
      if (model.size < most && random() < 0.55) {
        lastId += random() < 0.1 ? 1 + Math.floor(random() * 16) : 1;
        const call = { id: lastId };
        table.add(call);
        model.set(lastId, call);
      } else if (model.size > 0) {
        const open = [...model.keys()];
        const id = open[Math.floor(random() ** 3 * open.length)]!;
        table.delete(id);
        model.delete(id);
      }
      table.delete(lastId + 1);
      t.is(table.size, model.size);
      const low = Math.max(0, lastId - 80);
      for (let id = low; id <= lastId + 1; id++)
        if (table.get(id) !== model.get(id)) t.fail(`seed ${seed}, step ${step}: id ${id}`);
    }
    t.deepEqual(
      table.drain().map(({ id }) => id),
      [...model.keys()].sort((a, b) => a - b),
    );
    t.is(table.size, 0);
    t.is(table.get(lastId), undefined);
  }
});
