/** When a replica that is avoided is tried again. */
import test from 'ava';
import { ReplicaLatency } from '../../root/replicas/replica-latency.ts';

function usual(): ReplicaLatency {
  const latency = new ReplicaLatency();
  for (let i = 0; i < 50; i++) latency.answered(10, 10, 0);
  return latency;
}

/** The moments, ms, at which it isn't known, if each try ends like that; at most `count`. */
function tries(latency: ReplicaLatency, from: number, count: number, end: (now: number) => void): number[] {
  const times: number[] = [];
  for (let now = from; times.length < count && now < from + 300_000; now += 100) {
    if (latency.known(now)) continue;
    times.push(now - from);
    end(now);
  }
  return times;
}

test('one that goes on failing is left alone for 1 s, 2 s, 4 s … 30 s', (t) => {
  const latency = usual();
  latency.failed(0);
  t.deepEqual(
    tries(latency, 0, 8, (now) => latency.failed(now)),
    [1, 3, 7, 15, 31, 61, 91, 121].map((second) => second * 1000),
  );
});

test('so is one whose tries are beaten by others, or answered slowly', (t) => {
  for (const end of [
    (latency: ReplicaLatency, now: number) => latency.beaten(50, 10, now),
    (latency: ReplicaLatency, now: number) => latency.answered(90, 10, now, true),
  ]) {
    const latency = usual();
    for (let i = 0; i < 64; i++) latency.answered(90, 10, 0);
    const times = tries(latency, 0, 3, (now) => end(latency, now));
    t.deepEqual(times.slice(0, 3), [1000, 3000, 7000]);
    t.true(latency.relative(7000) > 2);
  }
});

test('three quick answers make it known again, as quick as they were', (t) => {
  const latency = usual();
  for (let i = 0; i < 20; i++) latency.failed(0);
  for (let i = 0; i < 3; i++) {
    t.false(latency.known(1000 + i));
    t.true(latency.isTriedAgain(1000 + i));
    latency.answered(10, 10, 1000 + i, true);
  }
  t.true(latency.known(1003));
  t.false(latency.isTriedAgain(1003));
  t.is(latency.relative(1003), 1);
  t.true(latency.known(60_000), 'who is usual and idle stays known');
});

test('one that fails among its three tries is left alone for longer', (t) => {
  const latency = usual();
  latency.failed(0);
  latency.answered(10, 10, 1000, true);
  latency.failed(1010);
  t.true(latency.known(1020), 'as what is to be avoided');
  t.true(latency.relative(1020) > 90);
  t.deepEqual(
    tries(latency, 1010, 2, (now) => latency.failed(now)),
    [2000, 6000],
  );
});

test('a failure after a long time without is the first again', (t) => {
  const latency = usual();
  latency.failed(0);
  tries(latency, 0, 5, (now) => latency.failed(now));
  for (let i = 0; i < 3; i++) latency.answered(10, 10, 50_000 + i, true);
  for (let now = 51_000; now < 200_000; now += 100) latency.answered(10, 10, now);
  latency.failed(200_000);
  latency.failed(200_000);
  t.deepEqual(
    tries(latency, 200_000, 3, (now) => latency.failed(now)),
    [1000, 3000, 7000],
  );
});

test('whoever is heard of is not tried: a replica that fails now and then has its average', (t) => {
  const latency = usual();
  for (let now = 0; now < 60_000; now += 100) {
    if (now % 1000 === 0) latency.failed(now);
    else latency.answered(10, 10, now);
    t.true(latency.known(now));
  }
  t.true(latency.relative(60_000) > 5);
});

test('one that is slow next to its siblings is not forgotten for being tried: what a try took counts wholly', (t) => {
  const latency = usual();
  for (let i = 0; i < 64; i++) latency.answered(90, 10, 0);
  latency.answered(30, 10, 1000, true);
  t.true(latency.known(1000));
  t.true(Math.abs(latency.relative(1000) - 31 / 11) < 1e-9);
});

/** Turned away, its worker said when to come back, and was asked by every request. */
test('a try that tells nothing is not made again at once', (t) => {
  const latency = usual();
  latency.failed(0);
  for (const [at, next] of [
    [1000, 3000],
    [3000, 7000],
  ] as const) {
    t.true(latency.isTriedAgain(at));
    latency.trying = true;
    latency.tryEnded(false, at);
    t.false(latency.trying);
    t.true(latency.known(at));
    t.false(latency.isTriedAgain(next - 1));
    t.true(latency.isTriedAgain(next));
  }
});

test('one that works, though how long it takes says nothing (a stream, a NOT_FOUND), is used again', (t) => {
  const latency = usual();
  latency.failed(0);
  for (let now = 1000; now < 1003; now++) {
    latency.trying = true;
    latency.tryEnded(true, now);
  }
  t.true(latency.known(1003));
  t.is(latency.relative(1003), 1);
});
