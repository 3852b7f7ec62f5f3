/** G8: restarting every root and worker, one at a time, under load: 0 failed and 0 partial answers, also while the schema changes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { searchProto } from '../kit/search-worker.ts';
import { Load } from './load.ts';
import { Restartable, type StartRoot, type StartWorker } from './process.ts';

const SHARDS = 4;
const placement = [
  [0, 1],
  [0, 1],
  [2, 3],
  [2, 3],
];

test('G8: restarts of every worker and root, one at a time, cost no answer', async (t) => {
  const newer = newerProto(t);
  const workers = placement.map(
    (shards, i) =>
      new Restartable<StartWorker>(t, {
        kind: 'worker',
        id: `w${i}`,
        proto: searchProto,
        listen: '127.0.0.1:0',
        shards,
        shardCount: SHARDS,
      }),
  );
  await Promise.all(workers.map((worker) => worker.start()));
  const placed = workers.map(({ id, address }, i) => ({ id, address, shards: placement[i]! }));
  const roots = ['r0', 'r1'].map(
    (id) =>
      new Restartable<StartRoot>(t, {
        kind: 'root',
        id,
        proto: searchProto,
        listen: '127.0.0.1:0',
        shardCount: SHARDS,
        workers: placed,
      }),
  );
  await Promise.all(roots.map((root) => root.start()));
  await linked(roots);
  const load = new Load(
    t,
    roots.map(({ address }) => address),
  );
  for (const { address } of roots) await load.answeredBy(address);

  const restartWorkers = async (proto: string): Promise<void> => {
    for (const worker of workers) {
      const before = load.answers;
      await worker.stop();
      await worker.start(proto);
      await linked(roots);
      for (const { address } of roots) await load.answeredBy(address);
      t.true(load.answers > before);
      t.deepEqual(load.bad, [], `restarting ${worker.id} with ${proto}`);
    }
  };
  const restartRoots = async (proto: string): Promise<void> => {
    for (const root of roots) {
      await root.stop();
      await root.start(proto);
      await linked(roots);
      await load.answeredBy(root.address);
      t.deepEqual(load.bad, [], `restarting ${root.id} with ${proto}`);
    }
  };
  await restartWorkers(searchProto);
  await restartRoots(searchProto);
  // A field more, with a merge: first at the workers, whose roots don't know it, then at the roots.
  await restartWorkers(newer);
  await restartRoots(newer);
  await load.stop();
  t.deepEqual(load.bad, []);
  t.log(`${load.answers} answers`);
  t.true(load.answers > 200);
});

/** search.proto with one optional field more. */
function newerProto(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-restarts-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const older = readFileSync(searchProto, 'utf8');
  const field = 'optional int64 newest = 6 [(regather.v1.merge).max = {}];';
  const newer = older.replace(/(message TopKResponse \{\n)/, `$1  ${field}\n`);
  t.not(newer, older);
  const file = join(folder, 'search.proto');
  writeFileSync(file, newer);
  return file;
}

/** Every root has a link to every worker: a rollout that goes on before has two workers away at once. */
async function linked(roots: readonly Restartable<StartRoot>[]): Promise<void> {
  for (const root of roots) {
    for (;;) {
      const states = Object.values(await root.links());
      if (states.length === placement.length && states.every((state) => state === 'link')) break;
      await sleep(10);
    }
  }
}
