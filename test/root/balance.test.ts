/** Which replica gets a task: by latency and load, zone and weight; what is unknown, failing or asked to be left alone. */
import test from 'ava';
import { type Placement, place } from '../../bench/echo/placement.ts';
import { spread } from '../../bench/sim/spread.ts';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';
import type { Worker } from '../../root/replicas/worker.ts';
import { type Fake, setUp } from './replica-fakes.ts';

test('equals share', (t) => {
  for (const count of [2, 3, 7]) {
    for (const got of setUp(count).shareOut(count * 1000)) t.true(got > 850 && got < 1150, `${got}`);
  }
});

test('a report of load steers choice, and is forgotten', (t) => {
  const { workers, shareOut } = setUp(3);
  workers[1]!.load.report(5, 0);
  const [first, second, third] = shareOut(300);
  t.is(second, 0);
  t.true(first! > 100 && third! > 100);
  const later = shareOut(3000, { now: 1000 });
  for (const got of later) t.true(got > 850, 'a second later it says nothing any more');
});

test('own tasks in flight count, and so does what was sent since a report', (t) => {
  const { workers, assign } = setUp(2, { shards: 6 });
  workers[0]!.load.report(2, 0);
  const { shares } = assign();
  // 2 and 0 in flight: six more make it even.
  t.deepEqual(shares.map(({ worker, tasks }) => [worker.id, tasks.length]).sort(), [
    ['w0', 2],
    ['w1', 4],
  ]);
  t.is(workers[0]!.load.tasks + workers[1]!.load.tasks, 6);
});

test('all tasks for a worker travel in one share, ascending', (t) => {
  const { assign } = setUp(3, { shards: 64 });
  const { shares, unassigned } = assign();
  t.is(shares.length, 3);
  t.deepEqual(unassigned, []);
  for (const { tasks } of shares) {
    t.true(tasks.length >= 20);
    t.deepEqual(
      tasks,
      [...tasks].sort((a, b) => a.shard - b.shard),
    );
  }
});

test('a slow replica gets less, and its average goes back to what is usual', (t) => {
  const { replicas, shareOut } = setUp(3);
  const slow = replicas[0]![0]!.latency;
  for (let i = 0; i < 16; i++) slow.answered(50, 10, 0);
  t.is(shareOut(300)[0], 0);
  t.is(shareOut(300, { now: 900 })[0], 0);
  t.true(slow.relative(60_000) < 1.05);
});

/** With little traffic one that had failed a few times got nothing for half a minute: its average of 100 had to fade. */
test('one that failed is tried again after a second, alone, and is used again after three answers', (t) => {
  const { replicas, workers, shareOut, set, tasks, wanted } = setUp(2);
  const { latency } = replicas[0]![0]!;
  for (let i = 0; i < 3; i++) latency.failed(0);
  t.is(shareOut(100, { now: 999 })[0], 0);
  t.is(shareOut(100, { now: 1000, mayProbe: () => false })[0], 0, 'it is paid for');
  for (let now = 1000; now < 1003; now++) {
    const [share] = set.assign(tasks, { ...wanted, now }).shares;
    t.deepEqual([share!.worker.id, share!.probes], ['w0', [0]]);
    share!.worker.load.settled(1);
    t.is(shareOut(100, { now })[0], 0, 'one at a time');
    latency.answered(10, 10, now, true);
  }
  t.true(latency.known(1003));
  for (const got of shareOut(1000, { now: 1003 })) t.true(got > 400);
  t.is(workers[0]!.load.tasks, 0);
});

test('a shard of which all replicas have failed is asked all the same', (t) => {
  const { replicas, shareOut } = setUp(2);
  for (const { latency } of replicas[0]!) latency.failed(0);
  for (const now of [0, 1000, 60_000])
    t.is(
      shareOut(1, { now }).reduce((sum, got) => sum + got),
      1,
    );
});

test('one straggler in a hundred does not scare anybody off', (t) => {
  const latency = new ReplicaLatency();
  for (let i = 0; i < 1000; i++) latency.answered(i % 100 === 99 ? 500 : 10, 10, i);
  t.true(latency.relative(1000) < 2, `${latency.relative(1000)}`);
});

test('failing fast attracts nobody', (t) => {
  const { replicas, workers, shareOut } = setUp(2);
  for (let i = 0; i < 5; i++) replicas[0]![0]!.latency.failed(0);
  workers[1]!.load.sent(20, 0);
  t.is(shareOut(100)[0], 0, 'though the other has twenty tasks in flight');
});

test('a worker that owes answers and says nothing is avoided before anything times out', (t) => {
  const { workers, shareOut } = setUp(2);
  for (const worker of workers) worker.load.sent(1, 0);
  workers[1]!.load.heard(99);
  t.deepEqual(shareOut(100, { now: 100 }), [0, 100]);
  workers[0]!.load.heard(100);
  const [first] = shareOut(100, { now: 100 });
  t.true(first! > 30);
});

test('a task that takes its time, and a stream, keep no other method away from their worker', (t) => {
  const { workers, shareOut } = setUp(2);
  const [slow, other] = workers as [Fake, Fake];
  const owe = (now: number, method: { streaming: boolean; usualMs: number }): void => {
    for (const { load } of workers) load.sent(1, now, method);
  };
  owe(0, { streaming: false, usualMs: 5000 });
  other.load.heard(999);
  const [light] = shareOut(100, { now: 1000 });
  t.true(light! > 20, `${light}: its usual time is five seconds`);
  other.load.heard(19_999);
  t.is(shareOut(100, { now: 20_000 })[0], 0, 'four times as long is too long');
  for (const { load } of workers) load.settled(1);

  owe(30_000, { streaming: true, usualMs: 0 });
  other.load.heard(39_999);
  const [beside] = shareOut(100, { now: 40_000 });
  t.true(beside! > 20, `${beside}: its reader may be slow`);
  t.is(shareOut(100, { now: 40_000, streaming: true })[0], 0, 'another stream goes where something is heard');
  owe(41_000, { streaming: false, usualMs: 10 });
  other.load.heard(41_199);
  t.is(shareOut(100, { now: 41_200 })[0], 0, 'an answer that it owes counts from when it was asked for');
  for (const { load } of workers) load.settled(1);
  for (const { load } of workers) load.settled(1, true);
  t.is(slow.load.tasks + other.load.tasks, 0);
});

test('one that asked to be left alone is, until then, unless all have', (t) => {
  const { workers, shareOut, set, wanted } = setUp(2);
  workers[0]!.load.pushbackUntil = 50;
  t.deepEqual(shareOut(100), [0, 100]);
  t.is(set.another(0, [workers[1]!], 'retry', wanted), undefined, 'a second attempt honours it strictly');
  workers[1]!.load.pushbackUntil = 80;
  t.deepEqual(shareOut(100), [100, 0]);
  t.true(shareOut(100, { now: 100 })[1]! > 20);
});

/**
 * A worker that turned one task away was left alone until its queue had run dry, and its siblings, with its share, asked for the same: four
 * workers did three quarters of what they can, for as long as clients tried again.
 */
test('one that asked to be left alone and reports its load is chosen by that', (t) => {
  const { workers, shareOut, set, wanted } = setUp(2);
  workers[0]!.load.pushbackUntil = 5000;
  for (const { load } of workers) load.report(40, 0);
  t.true(shareOut(100).every((got) => got > 20));
  workers[0]!.load.report(40, 0);
  workers[1]!.load.report(50, 0);
  t.deepEqual(shareOut(5), [5, 0]);
  t.is(set.another(0, [workers[1]!], 'retry', wanted), undefined, 'second attempts stay away');
  t.deepEqual(shareOut(100, { now: 1000 }), [0, 100], 'what it said is too old');
});

test('the same zone is preferred until it is clearly worse', (t) => {
  const { workers, shareOut } = setUp(2, { zone: 'a' });
  workers[0]!.zone = 'a';
  workers[1]!.zone = 'b';
  t.deepEqual(shareOut(100), [100, 0]);
  workers[0]!.load.sent(2, 0);
  t.deepEqual(shareOut(100), [0, 100]);
});

test('of many replicas the two that are compared have a near one among them', (t) => {
  const { workers, shareOut } = setUp(8, { zone: 'a' });
  for (const [i, worker] of workers.entries()) worker.zone = i < 2 ? 'a' : 'b';
  const [first, second, ...far] = shareOut(1000);
  t.true(first! > 400 && second! > 400, `${first}, ${second}`);
  t.deepEqual(new Set(far), new Set([0]));
  for (const worker of workers.slice(0, 2)) worker.load.sent(2, 0);
  const [one, two] = shareOut(1000);
  t.true(one! + two! < 250, `${one}, ${two}: only where both that are compared are near`);
});

test('twice the weight, twice the tasks in flight', (t) => {
  const { workers, assign } = setUp(2, { shards: 30 });
  workers[0]!.weight = 2;
  assign();
  t.is(workers[0]!.load.tasks, 20);
  t.is(workers[1]!.load.tasks, 10);
});

test('draining, lost and open ones are avoided, never down to none', (t) => {
  const { workers, replicas, shareOut, assign } = setUp(3);
  workers[0]!.draining = true;
  workers[1]!.breaker.state = 'open';
  workers[1]!.breaker.allows = false;
  t.deepEqual(shareOut(100), [0, 0, 100]);
  workers[2]!.connected = false;
  t.deepEqual(shareOut(100), [0, 100, 0]);
  workers[1]!.connected = false;
  const { shares, unassigned } = assign();
  t.is(shares.length, 0);
  t.regex(unassigned[0]!.detail, /w0 .* is draining; w1 .*; w2 /);
  t.is(replicas[0]!.length, 3);
});

test('a newcomer gets one task at a time and few, until it is known', (t) => {
  const { replicas, shareOut, assign } = setUp(3);
  const newcomer = replicas[0]![0]!;
  newcomer.latency.forget();
  const shares: number[] = [];
  for (let i = 0; i < 2000; i++) {
    shares.push(shareOut(1)[0]!);
    newcomer.latency.trying = false;
  }
  const tried = shares.reduce((sum, got) => sum + got, 0);
  t.true(tried > 50 && tried < 150, `${tried} of 2000`);
  newcomer.latency.trying = true;
  t.is(shareOut(1000)[0], 0, 'its first task is under way');
  newcomer.latency.trying = false;
  t.is(shareOut(1000, { mayProbe: () => false })[0], 0, 'there is no budget for it');
  let probes = 0;
  for (let i = 0; i < 1000; i++) {
    const [share] = assign().shares;
    if (share!.probes.length > 0) {
      probes++;
      t.is(share!.worker.id, 'w0');
      newcomer.latency.answered(10, 10, 0);
    }
    share!.worker.load.settled(1);
    if (newcomer.latency.known(0)) break;
  }
  t.is(probes, 3);
  t.true(shareOut(300)[0]! > 60, 'known now');
});

test('where nothing is known of anybody, nobody is a newcomer', (t) => {
  const { replicas, shareOut } = setUp(3);
  for (const { latency } of replicas[0]!) latency.forget();
  for (const got of shareOut(3000)) t.true(got > 850);
});

test('a half-open replica gets the one task that shows how it is', (t) => {
  const { replicas, shareOut, wanted } = setUp(2);
  const half = replicas[0]![0]!;
  Object.assign(half.breaker, { state: 'half-open' });
  t.is(shareOut(1)[0], 1);
  t.is(shareOut(100)[0], 0);
  half.latency.trying = false;
  t.is(shareOut(100, { mayProbe: () => false })[0], 0);
  t.true(wanted.mayProbe());
});

test('where a task may run twice, a half-open replica is asked beside the first attempt, with one task and for a token', (t) => {
  const { replicas, assign } = setUp(2, { shards: 3 });
  for (const shard of replicas) Object.assign(shard[0]!.breaker, { state: 'half-open' });
  const twice = assign({ twice: true });
  t.deepEqual(
    twice.shares.map(({ worker, tasks }) => [worker.id, tasks.length]),
    [['w1', 3]],
  );
  t.deepEqual(
    twice.probes.map(({ worker, tasks }) => [worker.id, tasks.map(({ shard }) => shard)]),
    [['w0', [0]]],
  );
  t.deepEqual(assign({ twice: true, mayProbe: () => false }).probes, []);
  for (const shard of replicas) Object.assign(shard[0]!.breaker, { allows: false });
  t.deepEqual(assign({ twice: true }).probes, [], 'its probe is under way');
});

test('a second attempt goes to a replica that is well and known, whatever its load; a hedge never to a half-open one', (t) => {
  const { workers, replicas, set, wanted } = setUp(3);
  const [first, doubtful, loaded] = workers as [Fake, Fake, Fake];
  const other = replicas[0]![1]!;
  const another = (kind: 'hedge' | 'retry', ...tried: Fake[]): string | undefined =>
    set.another(0, [first, ...tried], kind, wanted)?.worker.id;
  const both = (...tried: Fake[]) => [another('hedge', ...tried), another('retry', ...tried)];
  loaded.load.sent(20, 0);
  t.deepEqual(both(), ['w1', 'w1']);

  Object.assign(other.breaker, { state: 'half-open' });
  t.deepEqual(both(), ['w2', 'w2']);
  t.deepEqual(both(loaded), [undefined, 'w1'], 'a retry has nobody else');
  Object.assign(other.breaker, { state: 'open', allows: false });
  t.deepEqual(both(loaded), [undefined, 'w1'], 'never down to none');
  Object.assign(other.breaker, { state: 'closed', allows: true });
  doubtful.breaker.state = 'half-open';
  t.deepEqual(both(), ['w2', 'w2'], 'nor to a worker that is');
  doubtful.breaker.state = 'closed';

  other.latency.forget();
  t.deepEqual(both(), ['w2', 'w2'], 'it has just come back');
  t.deepEqual(both(loaded), ['w1', 'w1']);
  other.latency.trying = true;
  t.deepEqual(both(loaded), [undefined, 'w1'], 'its first task is under way');
  Object.assign(replicas[0]![2]!.breaker, { state: 'half-open' });
  other.latency.trying = false;
  t.deepEqual(both(), ['w1', 'w1'], 'unknown is better than known to have failed');
});

test('a half-open replica that is the only one gets the task itself', (t) => {
  const { replicas, assign } = setUp(1);
  Object.assign(replicas[0]![0]!.breaker, { state: 'half-open' });
  const { shares, probes } = assign({ twice: true, mayProbe: () => false });
  t.deepEqual(
    shares.map(({ worker }) => worker.id),
    ['w0'],
  );
  t.deepEqual(probes, []);
});

test('by turns: whatever they are like, and the same assignment again', (t) => {
  const { workers, replicas, assign } = setUp(3, { shards: 4 });
  workers[0]!.load.report(50, 0);
  for (let i = 0; i < 20; i++) replicas[0]![0]!.latency.failed(0);
  const seen = Array.from({ length: 6 }, () => assign({ by: 'turns' }));
  t.deepEqual(
    seen.map(({ shares }) => shares.map(({ worker }) => worker.id)),
    [['w0'], ['w1'], ['w2'], ['w0'], ['w1'], ['w2']],
  );
});

/** Shards on the same workers that went to different ones, and how many tasks each worker got, turn after turn. */
function turnsOf(placed: Placement): { readonly torn: number; readonly tasks: readonly number[] }[] {
  const { replicas, workers, assign } = setUp(placed.workers.length, { shards: placed.shardCount, placed });
  return [0, 1, 2].map(() => {
    const { shares } = assign({ by: 'turns' });
    const chosen = new Map(shares.flatMap(({ worker, tasks }) => tasks.map(({ shard }) => [shard, worker])));
    const together = new Map<string, Worker>();
    let torn = 0;
    for (const [shard, list] of replicas.entries()) {
      const on = list.map(({ worker }) => worker.id).join();
      if ((together.get(on) ?? chosen.get(shard)) !== chosen.get(shard)) torn++;
      together.set(on, chosen.get(shard)!);
    }
    return {
      torn,
      tasks: workers.map((worker) => shares.find((share) => share.worker === worker)?.tasks.length ?? 0),
    };
  });
}

/**
 * All lists began at the same position, and they are in the order of the workers: with 64 shards on 8 workers, three times each, a request in turn 0 sent
 * 25, 17, 11, 6, 3, 2, 0 and 0 tasks to them.
 */
test('by turns: every worker gets as much as the others in each turn, and shards on the same workers stay together', (t) => {
  for (const { torn, tasks } of turnsOf(place(64, 8, 3))) {
    t.deepEqual(tasks, new Array(8).fill(8));
    t.is(torn, 0);
  }
  for (const placed of [spread(64, 8, 3), spread(100, 12, 3), spread(1000, 125, 3), place(60, 5, 2)]) {
    const even = placed.shardCount / placed.workers.length;
    for (const { torn, tasks } of turnsOf(placed)) {
      t.is(torn, 0);
      t.is(
        tasks.reduce((sum, count) => sum + count),
        placed.shardCount,
      );
      // Up to three shards are on the same workers, and can't be parted.
      t.true(Math.min(...tasks) >= even - 3 && Math.max(...tasks) <= even + 3, `${tasks}`);
    }
  }
});
