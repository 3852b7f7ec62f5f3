/** Which work a worker turns away, on a clock of the test's own: docs/decisions/0010-shedding-at-workers.md. */
import test from 'ava';
import { Execution, Job, type TurnedAway } from '../../shard/execution.ts';
import { TypicalTime } from '../../shard/pace.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

/** A job that takes so long on the virtual clock. */
class TimedJob extends Job {
  readonly root: string;
  readonly priority: number;
  readonly deadline: number;
  override readonly typical: TypicalTime;
  ended: 'done' | 'expired' | TurnedAway | undefined;
  readonly #world: World;
  readonly #tookMs: number;

  constructor(world: World, tookMs: number, timeoutMs: number, priority = 0, root = 'r') {
    super();
    this.#world = world;
    this.#tookMs = tookMs;
    this.typical = world.typical;
    this.deadline = world.clock.now() + timeoutMs;
    this.priority = priority;
    this.root = root;
  }
  override run(): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.setTimer(() => {
        this.ended = 'done';
        resolve();
      }, this.#tookMs);
    });
  }
  override expire(): void {
    this.ended = 'expired';
  }
  override turnAway(why: TurnedAway): void {
    this.ended = why;
  }
}

interface World {
  readonly clock: VirtualClock;
  readonly execution: Execution;
  readonly typical: TypicalTime;
  job(options?: { tookMs?: number; timeoutMs?: number; priority?: number; root?: string }): TimedJob;
  pass(ms: number): Promise<void>;
}

/** Slots that have been busy with jobs of 10 ms, so that the worker knows what to expect. */
async function busyWorld(slots: number, queue: number): Promise<World> {
  const clock = new VirtualClock();
  const execution = new Execution({ concurrency: slots, queue, clock });
  const typical = new TypicalTime();
  const world: World = {
    clock,
    execution,
    typical,
    job: ({ tookMs = 10, timeoutMs = 1000, priority = 0, root = 'r' } = {}) =>
      new TimedJob(world, tookMs, timeoutMs, priority, root),
    async pass(ms) {
      for (let passed = 0; passed < ms; passed++) {
        clock.advance(1);
        await new Promise(setImmediate);
      }
    },
  };
  for (let i = 0; i < 40; i++) execution.submit(world.job());
  await world.pass(500);
  if (execution.inFlight > 0) throw new Error('still busy');
  return world;
}

test('a task that cannot get its slot in time is turned away at once, one that can waits', async (t) => {
  const world = await busyWorld(1, 1000);
  const { execution } = world;
  t.is(Math.round(world.typical.ms), 10);
  for (let i = 0; i < 20; i++) t.is(execution.submit(world.job()), undefined);
  await world.pass(1);
  // 19 wait, for 190 ms in all; half of what is left besides the task's own 10 ms may go by.
  t.is(execution.submit(world.job({ timeoutMs: 370 })), 'too_late');
  const patient = world.job({ timeoutMs: 450 });
  t.is(execution.submit(patient), undefined);
  t.is(execution.counts.tooLate, 1);
  await world.pass(230);
  t.is(patient.ended, 'done');
});

test('what a task waits for is the work before it: by priority, and by turns of the roots', async (t) => {
  const world = await busyWorld(1, 1000);
  const { execution } = world;
  for (let i = 0; i < 20; i++) execution.submit(world.job());
  await world.pass(1);
  t.is(execution.submit(world.job({ timeoutMs: 100 })), 'too_late');
  t.is(execution.submit(world.job({ timeoutMs: 100, priority: 1 })), undefined);
  t.is(execution.submit(world.job({ timeoutMs: 100, root: 'other' })), undefined);
  t.is(execution.submit(world.job({ timeoutMs: 100, priority: -1, root: 'other' })), 'too_late');
});

test('work that has become hopeless while it waited makes room for work that is not', async (t) => {
  const world = await busyWorld(1, 1000);
  const { execution } = world;
  // All of a sudden tasks take four times as long.
  const slow = Array.from({ length: 10 }, () => world.job({ tookMs: 40, timeoutMs: 250 }));
  for (const job of slow) t.is(execution.submit(job), undefined);
  await world.pass(300);
  const turned = slow.filter(({ ended }) => ended === 'too_late').length;
  t.true(turned > 0 && turned + slow.filter(({ ended }) => ended === 'done').length >= 9, `${turned}`);
  t.true(slow.filter(({ ended }) => ended === 'expired').length <= 1);
});

test('a slot that nobody else wants is given to a task of any prospects, so that what is known stays true', async (t) => {
  const world = await busyWorld(1, 1000);
  const job = world.job({ tookMs: 1, timeoutMs: 5 });
  t.is(world.execution.submit(job), undefined);
  await world.pass(3);
  t.is(job.ended, 'done');
});

test('a task with little time is not turned away while there are slots for all that came with it', async (t) => {
  const world = await busyWorld(8, 1000);
  const jobs = Array.from({ length: 8 }, () => world.job({ tookMs: 2, timeoutMs: 5 }));
  for (const job of jobs) t.is(world.execution.submit(job), undefined);
  await world.pass(4);
  t.deepEqual(new Set(jobs.map(({ ended }) => ended)), new Set(['done']));
});

test('a full queue gives up what matters least for what matters more', async (t) => {
  const world = await busyWorld(1, 2);
  const { execution } = world;
  execution.submit(world.job());
  await world.pass(1);
  const [low, normal] = [world.job({ priority: -1 }), world.job()];
  t.is(execution.submit(normal), undefined);
  t.is(execution.submit(low), undefined);
  t.is(execution.submit(world.job({ priority: -1 })), 'queue_full');
  t.is(execution.submit(world.job()), undefined);
  t.is(low.ended, 'queue_full');
  t.is(execution.submit(world.job()), 'queue_full');
  t.is(execution.submit(world.job({ priority: 1 })), undefined);
  await world.pass(50);
  t.is(execution.waiting, 0);
});

test('the time that tasks typically take follows a shift, and is not led by the few that hang', (t) => {
  const typical = new TypicalTime();
  for (let i = 0; i < 100; i++) typical.took(10);
  for (let i = 0; i < 100; i++) typical.took(i % 10 === 0 ? 1000 : 10 + (i % 3));
  t.true(typical.ms > 9 && typical.ms < 13, `${typical.ms}`);
  for (let i = 0; i < 30; i++) typical.took(40);
  t.true(typical.ms > 36 && typical.ms < 44, `${typical.ms}`);
});
