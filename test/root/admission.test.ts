/** Who is let in, who waits and who is turned away, on a clock of the test's own. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { Admission, Candidate, type LineOptions, type ShedReason } from '../../root/admission/admission.ts';
import type { MethodLatency } from '../../root/admission/latency.ts';
import { defaultPolicy } from '../../root/policy.ts';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';
import type { LoopDelay } from '../../shared/loop-delay.ts';
import { Counter, record } from '../../shared/metrics/instruments.ts';
import { shedReasons } from '../../shared/metrics/root.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

const onTime: LoopDelay = { p50Ms: 0, p99Ms: 0, meanMs: 0 };

interface World {
  readonly clock: VirtualClock;
  readonly admission: Admission;
  readonly shed: Readonly<Record<ShedReason, Counter>>;
  readonly waitedSeconds: number[];
  readonly latency: MethodLatency;
  candidate(
    name: string,
    options?: { units?: number; sizeBytes?: number; priority?: number; timeoutMs?: number },
  ): TestCandidate;
  /** Names of those let in after they had to wait, in order. */
  readonly order: string[];
}

class TestCandidate extends Candidate {
  readonly units: number;
  readonly sizeBytes: number;
  readonly priority: number;
  readonly deadline: number;
  readonly latency: MethodLatency;
  readonly name: string;
  readonly #world: World;
  outcome: 'admitted' | ShedReason | undefined;
  pushbackMs = 0;
  constructor(
    world: World,
    name: string,
    units: number,
    sizeBytes: number,
    priority: number,
    timeoutMs: number,
  ) {
    super();
    this.#world = world;
    this.name = name;
    this.units = units;
    this.sizeBytes = sizeBytes;
    this.priority = priority;
    this.deadline = world.clock.now() + timeoutMs;
    this.latency = world.latency;
  }
  override admitted(): void {
    this.outcome = 'admitted';
    this.#world.order.push(this.name);
  }
  override shed(reason: ShedReason, pushbackMs: number): void {
    this.outcome = reason;
    this.pushbackMs = pushbackMs;
  }
}

/** A limit of 10 leaf calls, which answers hold for 50 ms. */
function world(options: Partial<LineOptions> = {}): World {
  const clock = new VirtualClock();
  const shed = record(shedReasons, () => new Counter());
  const waitedSeconds: number[] = [];
  const admission = new Admission(
    { ...defaultPolicy.admission, initial: 10, min: 10, max: 10, queueBytes: 1000, ...options },
    clock,
    onTime,
    { shed, waitSeconds: { observe: (seconds) => waitedSeconds.push(seconds) } },
    () => 0,
  );
  const latency = admission.method();
  for (let i = 0; i < 500; i++) {
    if (!admission.enter(1)) throw new Error('no room');
    admission.done(1, latency, 50);
  }
  for (let i = 0; i < 10; i++) {
    clock.advance(1000);
    for (let answers = 0; answers < 10; answers++) {
      admission.enter(1);
      admission.done(1, latency, 50);
    }
  }
  const made: World = {
    clock,
    admission,
    shed,
    waitedSeconds,
    latency,
    order: [],
    candidate: (name, { units = 1, sizeBytes = 1, priority = 0, timeoutMs = 1000 } = {}) =>
      new TestCandidate(made, name, units, sizeBytes, priority, timeoutMs),
  };
  return made;
}

test('requests are let in up to the limit, counted in leaf calls; the rest waits for its turn', (t) => {
  const { admission, candidate, latency, clock, order, waitedSeconds } = world();
  t.true(admission.enter(8));
  t.false(admission.enter(3));
  t.true(admission.enter(2));
  t.is(admission.usedShare, 1);
  const [a, b] = [candidate('a', { units: 3 }), candidate('b')];
  admission.wait(a);
  admission.wait(b);
  t.is(admission.waiting, 2);
  clock.advance(10);
  admission.done(2, latency, 50);
  t.is(a.outcome, undefined, 'there is room for b only, and a is before it');
  t.false(admission.enter(1), 'nobody overtakes those who wait');
  admission.done(8, latency, 50);
  t.deepEqual(order, ['a', 'b']);
  t.is(admission.inUse, 4);
  t.deepEqual(waitedSeconds, [0.01, 0.01]);
  t.false(clock.step() && clock.step(), 'no timer is left');
});

test('a request larger than the limit goes when nothing else does', (t) => {
  const { admission, latency } = world();
  t.true(admission.enter(50));
  t.false(admission.enter(1));
  admission.done(50, latency, 50);
  t.true(admission.enter(1));
  t.false(admission.enter(50));
});

test('higher priority goes first, and takes the place of lower in a full line', (t) => {
  const { admission, candidate, latency, order, shed } = world({ queue: 3 });
  admission.enter(10);
  const low = candidate('low', { priority: -1 });
  const normal = candidate('normal');
  const high = candidate('high', { priority: 7 });
  for (const one of [low, normal, high]) admission.wait(one);
  const lower = candidate('lower', { priority: -2 });
  admission.wait(lower);
  t.is(lower.outcome, 'queue_full');
  const urgent = candidate('urgent', { priority: 9 });
  admission.wait(urgent);
  t.is(low.outcome, 'queue_full');
  t.is(shed.queue_full.value, 2);
  admission.done(10, latency, 50);
  t.deepEqual(order, ['urgent', 'high', 'normal']);
});

test('who would wait too long, or could not be answered in time, is told so at once and when to come back', (t) => {
  const { admission, candidate, shed } = world({ maxWaitMs: 60 });
  admission.enter(10);
  const late = candidate('late', { timeoutMs: 52 });
  admission.wait(late);
  t.is(late.outcome, 'too_late', '5 ms until there is room, and answers take 50');
  // 10 leaf calls end in 50 ms.
  for (let i = 0; i < 12; i++) admission.wait(candidate(`${i}`));
  t.is(admission.waiting, 12);
  const refused = candidate('refused');
  admission.wait(refused);
  t.is(refused.outcome, 'queue_full');
  t.is(refused.pushbackMs, 65);
  const urgent = candidate('urgent', { priority: 1 });
  admission.wait(urgent);
  t.is(urgent.outcome, undefined, 'those before it count, not those after');
  t.like(
    record(shedReasons, (reason) => shed[reason].value),
    { too_late: 1, queue_full: 1, waited: 0 },
  );
});

test('nobody waits longer than allowed, nor past the time that an answer needs, whether anything ends or not', (t) => {
  const { admission, candidate, clock, shed } = world();
  admission.enter(10);
  const [patient, hurried] = [candidate('patient'), candidate('hurried', { timeoutMs: 80 })];
  admission.wait(patient);
  admission.wait(hurried);
  clock.advance(29);
  t.is(hurried.outcome, undefined);
  clock.advance(1);
  t.is(hurried.outcome, 'too_late', 'an answer takes 50 of its 80 ms');
  clock.advance(69);
  t.is(patient.outcome, undefined);
  clock.advance(1);
  t.is(patient.outcome, 'waited');
  t.is(shed.waited.value, 1);
  t.is(admission.waiting, 0);
});

test('a client that leaves while it waits makes way for those behind it', (t) => {
  const { admission, candidate, latency, order } = world();
  admission.enter(9);
  const [large, small] = [candidate('large', { units: 5 }), candidate('small')];
  admission.wait(large);
  admission.wait(small);
  admission.leave(large);
  t.deepEqual(order, ['small']);
  admission.leave(small);
  admission.done(9, latency, 50);
  t.is(admission.inUse, 1);
});

/** A thousand requests of megabytes each waited, and nothing bounded what they kept. */
test('what waits is bounded in bytes, and gives them back whichever way it goes', (t) => {
  const { admission, candidate, clock, latency, order, shed } = world({ queueBytes: 100 });
  admission.enter(10);
  const first = candidate('first', { sizeBytes: 60 });
  admission.wait(first);
  const large = candidate('large', { sizeBytes: 41 });
  admission.wait(large);
  t.is(large.outcome, 'queue_full');
  t.true(large.pushbackMs >= 1);
  const leaves = candidate('leaves', { sizeBytes: 40 });
  admission.wait(leaves);
  t.is(leaves.outcome, undefined, 'it fits');
  t.is(admission.waitingBytes, 100);
  admission.leave(leaves);
  t.is(admission.waitingBytes, 60);
  admission.done(10, latency, 50);
  t.deepEqual(order, ['first']);
  t.is(admission.waitingBytes, 0);

  admission.enter(9);
  const overdue = candidate('overdue', { sizeBytes: 70, timeoutMs: 80 });
  const patient = candidate('patient', { sizeBytes: 30 });
  for (const one of [overdue, patient]) admission.wait(one);
  clock.advance(30);
  t.is(overdue.outcome, 'too_late');
  t.is(admission.waitingBytes, 30);
  clock.advance(70);
  t.is(patient.outcome, 'waited');
  t.is(admission.waitingBytes, 0);
  t.is(shed.queue_full.value, 1);

  const huge = candidate('huge', { sizeBytes: 101 });
  admission.wait(huge);
  t.is(huge.outcome, 'queue_full', 'it fits into no line');
});

test('a large request takes the place of as many of lower priority as it needs, or of none', (t) => {
  const { admission, candidate } = world({ queueBytes: 100 });
  admission.enter(10);
  const low = [1, 2, 3].map((n) => candidate(`low ${n}`, { sizeBytes: 20, priority: -1 }));
  const normal = candidate('normal', { sizeBytes: 30 });
  for (const one of [...low, normal]) admission.wait(one);
  const tooLarge = candidate('too large', { sizeBytes: 71 });
  admission.wait(tooLarge);
  t.is(tooLarge.outcome, 'queue_full');
  t.deepEqual(
    low.map(({ outcome }) => outcome),
    [undefined, undefined, undefined],
    'without any of them there would still be no room',
  );
  const large = candidate('large', { sizeBytes: 50 });
  admission.wait(large);
  t.is(large.outcome, undefined);
  t.deepEqual(
    low.map(({ outcome }) => outcome),
    [undefined, 'queue_full', 'queue_full'],
  );
  t.is(admission.waitingBytes, 100);
});

test('turned off, it lets everything in and counts it', (t) => {
  const { admission } = world({ enabled: false });
  for (let i = 0; i < 100; i++) t.true(admission.enter(100));
  t.is(admission.inUse, 10_000);
  t.is(admission.usedShare, 0);
});

/** What one of them threw left the door shut for all that waited: they were let in no more, only turned away when their time was over. */
test('one that throws when it is let in keeps nobody else out', (t) => {
  const { admission, candidate, latency } = world();
  admission.enter(10);
  const bad = candidate('bad');
  bad.admitted = () => {
    throw new Error('as told');
  };
  const good = candidate('good');
  admission.wait(bad);
  admission.wait(good);
  t.throws(() => admission.done(10, latency, 50), { message: 'as told' });
  admission.done(1, latency, 50);
  t.is(good.outcome, 'admitted');
});

/** A hot key's worker turned away what it couldn't do, and the limit, which is everybody's, came down to its floor. */
test('what the only leaf call of a request was turned away for lowers the limit for nobody', (t) => {
  const limitAfter = (calls: number): number => {
    const { admission, latency, clock } = world({ min: 2 });
    const { limit } = admission;
    for (let second = 0; second < 5; second++) {
      clock.advance(1000);
      for (let i = 0; i < 10; i++) {
        admission.enter(1);
        const failures = i < 3 ? [shedBy(i)] : [];
        admission.leafCallEnded({ queueUs: 0, serviceUs: 0, inFlight: -1, failures }, 1, calls);
        admission.done(1, latency, 50);
      }
    }
    return admission.limit - limit;
  };
  t.true(limitAfter(2) < 0);
  t.is(limitAfter(1), 0);
});

function shedBy(shard: number): TaskFailure {
  const { RESOURCE_EXHAUSTED: code } = status;
  return { shard, code, message: 'full', notStarted: true, pushbackMs: 5, source: 'task' };
}
