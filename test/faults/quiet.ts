/** In-flight counts, connections and links return to what they are at rest, here and at the workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { SearchTarget } from '../kit/faults/search-target.ts';
import type { StatusZ } from './statusz.ts';
import type { Witness } from './witness.ts';

export interface Resting {
  readonly root: { status(): object };
  readonly witness: Witness;
  readonly targets: readonly SearchTarget[];
  /** Of the root's connections: links, or plain gRPC. */
  readonly by: 'link' | 'plain';
}

/** Resolves once nothing is left. The test's own time limit is the only one; what is left then is in the test's log. */
export async function quiet(t: ExecutionContext, resting: Resting): Promise<void> {
  let left: object = {};
  let over = false;
  t.teardown(() => {
    if (!over) t.log('left behind', JSON.stringify(left));
  });
  for (;;) {
    left = await leftBehind(resting);
    if (Object.keys(left).length === 0) break;
    await sleep(5);
  }
  over = true;
}

/** Of one root that is connected to all of the targets, and of nobody else. */
async function leftBehind({ root, witness, targets, by }: Resting): Promise<object> {
  const left: Record<string, number> = {};
  const expect = (what: string, count: number, rest = 0): void => {
    if (count !== rest) left[what] = count;
  };
  await Promise.all(
    targets.map(async (target) => {
      const [{ started, finished }, { links, calls, tasks }] = await Promise.all([
        target.counts(),
        target.status(),
      ]);
      expect(`${target.id}: handlers`, started - finished);
      expect(`${target.id}: links`, links, by === 'link' ? 1 : 0);
      expect(`${target.id}: calls`, calls);
      expect(`${target.id}: tasks`, tasks.running + tasks.waiting);
      expect(`${target.id}: connections`, target.proxy!.connections, 1);
    }),
  );
  const { inFlight, admission, workers } = root.status() as StatusZ;
  expect('requests', inFlight);
  expect('admitted', admission.inUse + admission.waiting);
  expect('leaf calls', witness.open);
  for (const { id, inFlight: calls, tasks, state } of workers) {
    expect(`calls to ${id}`, calls);
    expect(`tasks at ${id}`, tasks);
    expect(`${id} isn't connected`, state === by ? 0 : 1);
  }
  return left;
}
