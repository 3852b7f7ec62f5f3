/** Slow ejection, driven window by window: who is judged, against whom, and how many may go. */
import test from 'ava';
import { defaultPolicy } from '../../root/policy.ts';
import type { BreakerState } from '../../root/replicas/breaker.ts';
import { type EjectionOptions, endWindow } from '../../root/replicas/ejection.ts';
import { median, Pace } from '../../root/replicas/pace.ts';

class FakeBreaker {
  state: BreakerState = 'closed';
  ejected = false;
  limitMs: number | undefined;
  trip({ limitMs }: { limitMs?: number }): boolean {
    if (this.state !== 'closed') return false;
    this.state = 'open';
    this.ejected = true;
    this.limitMs = limitMs;
    return true;
  }
}

interface FakeReplica {
  readonly shard: number;
  readonly worker: { readonly id: string; readonly breaker: FakeBreaker };
  readonly breaker: FakeBreaker;
  readonly pace: Pace;
}

/** `hosts[shard]` names the workers of its replicas. */
function cluster(hosts: readonly (readonly string[])[], options: Partial<EjectionOptions> = {}) {
  const workers = new Map<string, FakeReplica['worker']>();
  const shards = hosts.map((ids, shard) =>
    ids.map((id): FakeReplica => {
      const worker = workers.get(id) ?? { id, breaker: new FakeBreaker() };
      workers.set(id, worker);
      return { shard, worker, breaker: new FakeBreaker(), pace: new Pace() };
    }),
  );
  const settings = { ...defaultPolicy.ejection, ...options };
  return {
    shards,
    workers,
    /** A window in which every replica answers `samples` tasks in so many ms. */
    window(msOf: (worker: string, shard: number) => number, samples = 30, takes = (_: FakeReplica) => true) {
      for (const { worker, shard, pace } of shards.flat()) {
        for (let i = 0; i < samples; i++) pace.record(msOf(worker.id, shard));
      }
      return endWindow(shards, settings, takes).map(({ worker, shard }) =>
        shard === undefined ? worker : `${worker}/${shard}`,
      );
    },
  };
}

const all = (...ids: string[]) => [ids, ids, ids, ids];
const slow =
  (victim: string, ms = 40) =>
  (worker: string) =>
    worker === victim ? ms : 10;

test('three slow windows in a row eject; two and a good one do not', (t) => {
  const { window } = cluster([['a', 'b', 'c']]);
  t.deepEqual(window(slow('b')), []);
  t.deepEqual(window(slow('b')), []);
  t.deepEqual(
    window(() => 10),
    [],
  );
  t.deepEqual(window(slow('b')), []);
  t.deepEqual(window(slow('b')), []);
  t.deepEqual(window(slow('b')), ['b/0']);
});

test('three times the median of the siblings is not slow, more is; the limit is for the probes', (t) => {
  const { window, shards } = cluster([['a', 'b', 'c']]);
  for (let i = 0; i < 5; i++) t.deepEqual(window(slow('c', 30)), []);
  window(slow('c', 31));
  window(slow('c', 31));
  t.deepEqual(window(slow('c', 31)), ['c/0']);
  t.is(shards[0]![2]!.breaker.limitMs, 30);
});

test('too few answers break the row, and are no window to be judged by', (t) => {
  const { window } = cluster([['a', 'b']]);
  window(slow('a'));
  window(slow('a'));
  t.deepEqual(window(slow('a'), 19), []);
  t.deepEqual(window(slow('a'), 20), []);
});

test('a median within min_ms is never slow', (t) => {
  const { window } = cluster([['a', 'b', 'c']]);
  for (let i = 0; i < 4; i++)
    t.deepEqual(
      window((worker) => (worker === 'a' ? 5 : 0.3)),
      [],
    );
});

test('a worker most of whose replicas are slow is ejected as a whole', (t) => {
  const { window, workers } = cluster(all('a', 'b', 'c'));
  const ms = (worker: string, shard: number) => (worker === 'b' && shard !== 3 ? 40 : 10);
  window(ms);
  window(ms);
  t.deepEqual(window(ms), ['b']);
  t.true(workers.get('b')!.breaker.ejected);
});

test('one slow replica of many leaves its worker alone', (t) => {
  const { window, workers } = cluster(all('a', 'b', 'c'));
  const ms = (worker: string, shard: number) => (worker === 'b' && shard === 2 ? 40 : 10);
  window(ms);
  window(ms);
  t.deepEqual(window(ms), ['b/2']);
  t.is(workers.get('b')!.breaker.state, 'closed');
});

test('a shard that is slow everywhere is not its workers’ fault', (t) => {
  const { window } = cluster(all('a', 'b', 'c'));
  for (let i = 0; i < 4; i++)
    t.deepEqual(
      window((_, shard) => (shard === 1 ? 500 : 10)),
      [],
    );
});

test('a third of the workers at most, but one always; the rest waits for room', (t) => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const { window } = cluster([ids, ids]);
  const ms = (worker: string) => (worker === 'a' || worker === 'b' ? 100 : 10);
  window(ms);
  window(ms);
  t.is(window(ms).length, 1, 'a third of six, in whole percents, is one');
  const two = cluster([
    ['a', 'b'],
    ['a', 'b'],
  ]);
  two.window(slow('a'));
  two.window(slow('a'));
  t.deepEqual(two.window(slow('a')), ['a']);
  const wide = cluster([ids, ids], { maxPercent: 34 });
  wide.window(ms);
  wide.window(ms);
  t.deepEqual(wide.window(ms).sort(), ['a', 'b']);
});

test('never the last candidate: where the others cannot be asked, or are open', (t) => {
  const { window, shards } = cluster([['a', 'b']]);
  const onlySlow = ({ worker }: FakeReplica): boolean => worker.id === 'a';
  window(slow('a'));
  window(slow('a'));
  t.deepEqual(window(slow('a'), 30, onlySlow), []);
  t.deepEqual(window(slow('a')), ['a/0'], 'it can, now that the other takes tasks again');
  t.deepEqual(window(slow('b')), []);
  shards[0]![0]!.breaker.state = 'half-open';
  for (let i = 0; i < 4; i++) t.deepEqual(window(slow('b')), [], 'the other one is on probation');
});

test('a worker that is the last for one of its shards only loses the replicas that others have', (t) => {
  const { window } = cluster([['a', 'b'], ['a', 'b'], ['a']]);
  window(slow('a'));
  window(slow('a'));
  t.deepEqual(window(slow('a')), ['a/0', 'a/1']);
});

test('probes of an ejected replica are not what the others are measured by', (t) => {
  const { window, shards } = cluster([['a', 'b', 'c']], { maxPercent: 100 });
  for (let i = 0; i < 3; i++) window(slow('a', 1000));
  t.true(shards[0]![0]!.breaker.ejected);
  // With the 1000 ms of the ejected one, the siblings' median of c would be far above 40.
  const ms = (worker: string) => (worker === 'a' ? 1000 : worker === 'c' ? 40 : 10);
  window(ms);
  window(ms);
  t.deepEqual(window(ms), ['c/0']);
});

test('a window is judged by the median of its last answers', (t) => {
  const pace = new Pace();
  for (let i = 0; i < 200; i++) pace.record(i);
  t.is(pace.latestMs, 199);
  t.is(pace.endWindow(20), 167.5);
  t.true(Number.isNaN(pace.endWindow(20)));
  t.is(median([3, 1, 2]), 2);
  t.true(Number.isNaN(median([])));
});
