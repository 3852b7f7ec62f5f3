import test from 'ava';
import fc from 'fast-check';
import { Execution, Job } from '../../shard/execution.ts';
import { FairQueue, Queued } from '../../shard/queue.ts';

class Entry extends Queued {
  readonly root: string;
  readonly priority: number;
  readonly resumed = false;
  readonly name: string;
  constructor(name: string, root = 'r', priority = 0) {
    super();
    this.name = name;
    this.root = root;
    this.priority = priority;
  }
}

function drain(queue: FairQueue<Entry>): string[] {
  const names: string[] = [];
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) names.push(entry.name);
  return names;
}

test('roots take turns, in order of arrival within a root', (t) => {
  const queue = new FairQueue<Entry>();
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(new Entry(name, name[0]));
  t.deepEqual(drain(queue), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
});

test('a root that comes back waits for its turn', (t) => {
  const queue = new FairQueue<Entry>();
  for (const name of ['a1', 'b1', 'b2', 'c1', 'c2']) queue.push(new Entry(name, name[0]));
  t.is(queue.shift()?.name, 'a1');
  queue.push(new Entry('a2', 'a'));
  t.deepEqual(drain(queue), ['b1', 'c1', 'a2', 'b2', 'c2']);
});

test('higher priority goes first, whoever sent it', (t) => {
  const queue = new FairQueue<Entry>();
  queue.push(new Entry('low', 'a', -1));
  queue.push(new Entry('normal', 'a', 0));
  queue.push(new Entry('high', 'b', 5));
  queue.push(new Entry('normal2', 'b', 0));
  t.deepEqual(drain(queue), ['high', 'normal', 'normal2', 'low']);
});

test('the queue loses and invents nothing, whatever is pushed, taken and removed', (t) => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('push' as const),
      root: fc.constantFrom('a', 'b', 'c'),
      priority: fc.integer({ min: -1, max: 1 }),
    }),
    fc.record({ kind: fc.constant('shift' as const) }),
    fc.record({ kind: fc.constant('remove' as const), at: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new FairQueue<Entry>();
      const inside: Entry[] = [];
      let made = 0;
      for (const action of steps) {
        if (action.kind === 'push') {
          const entry = new Entry(String(made++), action.root, action.priority);
          inside.push(entry);
          queue.push(entry);
        } else if (action.kind === 'shift') {
          const entry = queue.shift();
          const best = Math.max(...inside.map(({ priority }) => priority));
          if (entry === undefined) {
            if (inside.length > 0) return false;
            continue;
          }
          if (entry.priority !== best) return false;
          // First of its root and priority.
          const first = inside.find(
            (other) => other.root === entry.root && other.priority === entry.priority,
          );
          if (first !== entry) return false;
          inside.splice(inside.indexOf(entry), 1);
        } else {
          const entry = inside[action.at];
          if (entry === undefined) continue;
          if (!queue.remove(entry) || queue.remove(entry)) return false;
          inside.splice(action.at, 1);
        }
        if (queue.size !== inside.length) return false;
      }
      return (
        drain(queue).sort().join() ===
        inside
          .map(({ name }) => name)
          .sort()
          .join()
      );
    }),
  );
  t.pass();
});

test('a root with few jobs is never more than one round behind one with many', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5 }), (many, few) => {
      const queue = new FairQueue<Entry>();
      for (let i = 0; i < many; i++) queue.push(new Entry('greedy', 'greedy'));
      for (let i = 0; i < few; i++) queue.push(new Entry('modest', 'modest'));
      const order = drain(queue);
      return order.lastIndexOf('modest') <= 2 * few;
    }),
  );
  t.pass();
});

class TestJob extends Job {
  readonly root: string;
  priority = 0;
  readonly deadline: number;
  expired = false;
  turnedAway = false;
  readonly #run: (now: number) => Promise<void> | undefined;
  constructor(
    run: (now: number) => Promise<void> | undefined = () => undefined,
    deadline = Number.POSITIVE_INFINITY,
    root = 'r',
  ) {
    super();
    this.#run = run;
    this.deadline = deadline;
    this.root = root;
  }
  override run(now: number): Promise<void> | undefined {
    return this.#run(now);
  }
  override expire(): void {
    this.expired = true;
  }
  override turnAway(): void {
    this.turnedAway = true;
  }
}

function gate(): { promise: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

async function settle(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

test('a full queue gives up what matters least and has not begun, also behind what has', async (t) => {
  const execution = new Execution({ concurrency: 1, queue: 2 });
  const { promise, open } = gate();
  execution.submit(new TestJob(() => promise));
  await settle();
  class Rest extends TestJob {
    override readonly resumed = true;
  }
  const rest = new Rest();
  rest.priority = 0.5;
  execution.resume(rest);
  const usual = new TestJob();
  usual.priority = 5;
  t.is(execution.submit(usual), undefined);
  const more = new TestJob();
  more.priority = 5;
  t.is(execution.submit(more), 'queue_full', 'it matters no more than the other');
  const important = new TestJob();
  important.priority = 10;
  t.is(execution.submit(important), undefined);
  t.true(usual.turnedAway);
  t.false(rest.turnedAway, 'what has begun goes on');
  open();
  await settle();
  t.is(execution.waiting, 0);
});

test('no more than `concurrency` run at once, no more than `queue` wait, the rest is refused', async (t) => {
  const execution = new Execution({ concurrency: 2, queue: 3 });
  const gates = Array.from({ length: 5 }, gate);
  let started = 0;
  const jobs = gates.map(
    ({ promise }) =>
      new TestJob(() => {
        started += 1;
        return promise;
      }),
  );
  t.deepEqual(
    jobs.map((job) => execution.submit(job)),
    [undefined, undefined, undefined, undefined, undefined],
  );
  t.is(execution.submit(new TestJob()), 'queue_full', 'full before anything has started');
  await settle();
  t.is(started, 2);
  t.is(execution.running, 2);
  t.is(execution.waiting, 3);
  t.is(execution.submit(new TestJob()), 'queue_full');
  gates[0]!.open();
  await settle();
  t.is(started, 3);
  t.is(execution.submit(new TestJob()), undefined);
  for (const { open } of gates) open();
  await settle();
  await settle();
  t.is(execution.inFlight, 0);
  t.like(execution.counts, { started: 6, finished: 6, refused: 2 });
});

test('a queue of 0 takes as many as there are slots', async (t) => {
  const execution = new Execution({ concurrency: 1, queue: 0 });
  const { promise, open } = gate();
  t.is(execution.submit(new TestJob(() => promise)), undefined);
  t.is(execution.submit(new TestJob()), 'queue_full');
  open();
  await settle();
  t.is(execution.submit(new TestJob()), undefined);
});

test('what was cancelled or expired while it waited never starts, and its place is free at once', async (t) => {
  let now = 0;
  const clock = { now: () => now, setTimer: () => ({ cancel() {} }) };
  const execution = new Execution({ concurrency: 1, queue: 2, clock });
  const { promise, open } = gate();
  execution.submit(new TestJob(() => promise));
  await settle();
  const cancelled = new TestJob(() => t.fail() as unknown as undefined);
  const expired = new TestJob(() => t.fail() as unknown as undefined, 100);
  execution.submit(cancelled);
  execution.submit(expired);
  t.is(execution.submit(new TestJob()), 'queue_full');
  t.true(execution.withdraw(cancelled));
  t.false(execution.withdraw(cancelled));
  let ran = false;
  t.is(
    execution.submit(
      new TestJob(() => {
        ran = true;
        return undefined;
      }),
    ),
    undefined,
  );
  now = 100;
  open();
  await settle();
  t.true(expired.expired);
  t.true(ran);
  t.like(execution.counts, { started: 2, cancelledBeforeStart: 1, expiredBeforeStart: 1 });
});

test('jobs that finish at once run in one go, in the turn they were submitted in', async (t) => {
  const execution = new Execution({ concurrency: 1, queue: 100 });
  let ran = 0;
  for (let i = 0; i < 50; i++)
    execution.submit(
      new TestJob(() => {
        ran += 1;
        return undefined;
      }),
    );
  t.is(ran, 0);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  t.is(ran, 50);
});

test('long runs of synchronous work let the event loop have its turn', async (t) => {
  let now = 1;
  const clock = { now: () => now, setTimer: () => ({ cancel() {} }) };
  const execution = new Execution({ concurrency: 4, queue: 100, clock, turnMs: 5 });
  const order: string[] = [];
  for (let i = 0; i < 10; i++)
    execution.submit(
      new TestJob(() => {
        now += 2;
        order.push('job');
        return undefined;
      }),
    );
  setImmediate(() => order.push('loop'));
  for (let i = 0; i < 50 && order.length < 11; i++) await new Promise(setImmediate);
  t.is(order.length, 11);
  t.true(order.indexOf('loop') < 5, order.join(' '));
});

test('a slot is used again after asynchronous work, also when the queue was empty in between', async (t) => {
  const execution = new Execution({ concurrency: 1, queue: 10 });
  let ran = 0;
  for (let round = 0; round < 20; round++) {
    execution.submit(
      new TestJob(async () => {
        ran += 1;
      }),
    );
    if (round % 3 === 0) await settle();
    else await Promise.resolve();
  }
  await settle();
  await settle();
  t.is(ran, 20);
  t.is(execution.inFlight, 0);
});

test('advice to keep away grows with what waits', async (t) => {
  const execution = new Execution({ concurrency: 1, queue: 1000 });
  const { promise, open } = gate();
  const before = execution.pushbackMs();
  for (let i = 0; i < 100; i++) execution.submit(new TestJob(() => promise));
  t.true(execution.pushbackMs() > before);
  t.true(execution.pushbackMs() <= 1000);
  open();
  await settle();
});

test('options out of bounds are refused with their name and value', (t) => {
  t.throws(() => new Execution({ concurrency: 0 }), {
    message: /worker\.concurrency .* 1\.\.1000000, got 0/,
  });
  t.throws(() => new Execution({ queue: 1.5 }), { message: /worker\.queue .* got 1\.5/ });
});

test('a job that throws or rejects, which none should, gives its slot back and is told of', async (t) => {
  const defects: unknown[] = [];
  const execution = new Execution({ concurrency: 1, queue: 10, onDefect: (error) => defects.push(error) });
  let ran = false;
  execution.submit(
    new TestJob(() => {
      throw new Error('at once');
    }),
  );
  execution.submit(new TestJob(() => Promise.reject(new Error('later'))));
  execution.submit(
    new TestJob(() => {
      ran = true;
      return undefined;
    }),
  );
  await settle();
  await settle();
  t.true(ran);
  t.is(execution.inFlight, 0);
  t.deepEqual(defects.map(String), ['Error: at once', 'Error: later']);
});
