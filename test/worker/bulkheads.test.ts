/** What hangs leaves slots to others, on a clock of the test's own: docs/decisions/0017-bulkheads-at-workers.md. */
import { readFile } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import type { Compartment } from '../../shard/bulkheads.ts';
import { TypicalTime } from '../../shard/pace.ts';
import { systemClock } from '../../shared/clock.ts';
import { begunOf, KeptJob, settle, trickle, World } from './bulkhead-world.ts';
import { connect, serve, until } from './kit.ts';

test('a shard that hangs comes to hold half of the slots, and others run at once', async (t) => {
  const world = new World(10, 100, 4);
  await world.warmUp();
  const hung = await trickle(world, 0, 20);
  t.is(begunOf(hung), 5);
  t.is(world.execution.held, 15);
  t.is(world.execution.waiting, 15);
  const others = await world.submit(1, 5);
  t.is(begunOf(others), 5);
  await world.finish(others);
  await world.finish(hung);
  t.is(world.execution.held, 0);
  await world.finish(hung);
  t.is(world.execution.inFlight, 0);
});

test('two that hang hold a third each, and a third stays for the rest', async (t) => {
  const world = new World(12, 100, 4);
  await world.warmUp();
  const [one, other]: [KeptJob[], KeptJob[]] = [[], []];
  for (let i = 0; i < 10; i++) {
    one.push(...(await trickle(world, 0, 1)));
    other.push(...(await trickle(world, 1, 1)));
  }
  t.true(begunOf(one) + begunOf(other) <= 9, `${begunOf(one)} and ${begunOf(other)}`);
  t.true(Math.min(begunOf(one), begunOf(other)) >= 4);
  t.is(begunOf(await world.submit(2, 3)), 3);
});

test('those held back run in order as what hangs ends, before what came later', async (t) => {
  const world = new World(8, 100, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 9);
  const first = (count: number): boolean[] => hung.map((_, i) => i < count);
  t.deepEqual(
    hung.map(({ begun }) => begun),
    first(4),
  );
  await world.finish([hung[0]!]);
  t.is(begunOf(hung), 5);
  world.clock.advance(100);
  await world.finish([hung[1]!]);
  t.deepEqual(
    hung.map(({ begun }) => begun),
    first(6),
  );
  await world.finish(hung.slice(2, 6));
  t.is(world.execution.running, 3, 'it is not known to be well');
  await world.finish([hung[6]!]);
  t.true(world.execution.inFlight === 2 && world.execution.held === 0, 'it is now');
});

test('hanging tasks that end together are not followed by as many as there are slots', async (t) => {
  const world = new World(10, 100, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 20);
  await world.finish(hung.slice(0, 5));
  t.is(begunOf(hung), 10);
  t.is(world.execution.running, 5);
  // One that ends in time makes it a shard like others.
  await world.finish([hung[5]!]);
  t.is(world.execution.running, 10);
});

test('a task whose caller left says nothing of its shard', async (t) => {
  const world = new World(10, 100, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 20);
  await world.finish(hung.slice(0, 5));
  hung[5]!.left = true;
  await world.finish([hung[5]!]);
  t.is(world.execution.running, 5);
});

test('a straggler costs a busy shard a slot, no more', async (t) => {
  const world = new World(10, 100, 2);
  await world.warmUp();
  const [straggler] = await world.submit(0);
  world.clock.advance(100);
  const more = await world.submit(0, 20);
  t.is(begunOf(more), 8);
  await world.finish([more[0]!]);
  t.is(world.execution.running, 9);
  t.is(begunOf([straggler!]), 1);
});

test('stragglers that hold all that their shard may have do not stop it: one task at a time goes on', async (t) => {
  const world = new World(4, 100, 2);
  await world.warmUp();
  await world.submit(0, 2);
  world.clock.advance(100);
  const more = await world.submit(0, 5);
  t.is(begunOf(more), 1);
  for (const [nth, job] of more.entries()) {
    await world.finish([job]);
    t.is(begunOf(more), Math.min(5, nth + 2));
  }
});

test('a shard half of whose tasks hang leaves a quarter of the slots', async (t) => {
  const world = new World(8, 100, 2);
  await world.warmUp();
  const all: KeptJob[] = [];
  for (let i = 0; i < 30; i++) {
    const [job] = await world.submit(0);
    all.push(job!);
    if (i % 2 === 1) await world.finish([job!]);
    world.clock.advance(100);
  }
  t.true(world.execution.running <= 6, `${world.execution.running}`);
  t.true(world.execution.running >= 4);
});

test('two that hang, all of whose tasks end at once, leave a third to others again', async (t) => {
  const world = new World(12, 100, 4);
  await world.warmUp();
  const both: KeptJob[] = [];
  for (let i = 0; i < 12; i++) both.push(...(await trickle(world, 0, 1)), ...(await trickle(world, 1, 1)));
  await world.finish(both.filter(({ begun }) => begun));
  t.true(world.execution.running <= 8, `${world.execution.running}`);
  t.is(begunOf(await world.submit(2, 4)), 4);
});

test('what its callers give up before it hangs hangs all the same, if it was many times as long as is usual', async (t) => {
  const world = new World(10, 100, 2);
  await world.warmUp();
  for (let i = 0; i < 3; i++) {
    const [job] = await world.submit(0);
    world.clock.advance(40);
    job!.left = true;
    await world.finish([job!]);
  }
  t.is(begunOf(await world.submit(0, 10)), 5);
  const soon = new World(10, 100, 2);
  await soon.warmUp();
  for (let i = 0; i < 3; i++) {
    const [job] = await soon.submit(0);
    soon.clock.advance(20);
    job!.left = true;
    await soon.finish([job!]);
  }
  t.is(begunOf(await soon.submit(0, 10)), 10, 'they left for reasons of their own');
});

test('tasks that are given up make nothing usual', (t) => {
  const typical = new TypicalTime();
  typical.took(10);
  for (let i = 0; i < 100; i++) typical.took(500, true);
  t.true(typical.ms > 400);
  t.is(typical.endedMs, 10);
});

test('after a pause of the event loop nothing hangs: what was done in it ends before that is decided', async (t) => {
  const world = new World(4, 100, 2);
  await world.warmUp();
  const before = await world.submit(0, 3);
  const after = Array.from({ length: 3 }, () => new KeptJob(world.compartments[0]!));
  setTimeout(() => {
    for (const job of before) job.finish();
  }, 1);
  // As calls do that come with the data of a socket: before the timers that are due.
  await new Promise<void>((resolve) =>
    readFile(import.meta.filename, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      world.clock.advance(500);
      for (const job of after) world.execution.submit(job);
      resolve();
    }),
  );
  await settle();
  t.is(begunOf(after), 3);
  t.is(world.compartments[0]!.hanging, 0);
  t.deepEqual(world.told, []);
});

test("work that is nobody's neighbour, as streams are, is work that slots are kept for", async (t) => {
  class Stream extends KeptJob {
    override readonly compartment = undefined as unknown as Compartment;
  }
  const world = new World(4, 100, 1);
  await world.warmUp();
  world.execution.submit(new Stream(world.compartments[0]!));
  await settle();
  t.true(begunOf(await trickle(world, 0, 6)) < 4);
});

test('nobody is too late for a slot that is free, whatever is held back', async (t) => {
  const world = new World(4, 100, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 40);
  await world.finish(await world.submit(1));
  for (let done = 0; done < 20; done++) {
    await world.finish(hung.filter(({ begun, ends }) => begun && ends.length === 0).slice(0, 1));
    world.clock.advance(300);
  }
  const job = new KeptJob(world.compartments[1]!, 0, 'r', world.clock.now() + 50);
  t.true(world.execution.held > 4);
  t.is(world.execution.submit(job), undefined);
  await settle();
  t.true(job.begun);
});

test('what matters more goes first among those held back, and takes the place of what matters less', async (t) => {
  const world = new World(2, 3, 2);
  await world.warmUp();
  const [hung] = await world.submit(0);
  world.clock.advance(100);
  const made = [0, -1, 5].map((priority) => new KeptJob(world.compartments[0]!, priority));
  for (const job of made) {
    world.execution.submit(job);
    await settle();
  }
  const [normal, low, high] = made as [KeptJob, KeptJob, KeptJob];
  t.deepEqual(normal.ends, ['shard_hangs'], 'there is room for one: it gave it up');
  t.deepEqual(low.ends, ['shard_hangs']);
  await world.finish([hung!]);
  t.true(high.begun);
});

test('a full queue gives up what is held back before what matters more', async (t) => {
  const world = new World(2, 6, 3);
  await world.warmUp();
  const hung = await trickle(world, 0, 3);
  t.is(world.execution.held, 2);
  const others = Array.from({ length: 5 }, () => new KeptJob(world.compartments[1]!, 1));
  for (const job of others) t.is(world.execution.submit(job), undefined);
  t.is(world.execution.submit(new KeptJob(world.compartments[1]!, 1)), undefined);
  t.is(hung.filter(({ ends }) => ends[0] === 'queue_full').length, 1);
});

test('slow is many times the usual: what takes a few times as long hangs for nobody', async (t) => {
  const world = new World(4, 100, 2);
  await world.warmUp();
  const slow = await world.submit(0, 3);
  world.clock.advance(70);
  t.is(begunOf(await world.submit(0, 1)), 1);
  t.is(begunOf(slow), 3);
  t.is(world.execution.held, 0);
});

test('where nothing else has had work for a while, all slots are for whoever needs them', async (t) => {
  const alone = new World(4, 100, 1);
  await alone.warmUp();
  t.is(begunOf(await trickle(alone, 0, 6)), 4);
  const quiet = new World(4, 100, 2);
  await quiet.warmUp();
  await quiet.finish(await quiet.submit(0));
  quiet.clock.advance(10_001);
  t.is(begunOf(await trickle(quiet, 0, 6)), 4);
});

test('what is held back is cancelled and expires like all that waits, and is told of once', async (t) => {
  const world = new World(2, 100, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 4);
  t.deepEqual(
    hung.map(({ held }) => held),
    [0, 1, 1, 1],
  );
  t.deepEqual(world.told, [0]);
  t.true(world.execution.withdraw(hung[1]!));
  t.false(world.execution.withdraw(hung[1]!));
  t.true(world.execution.withdrawExpired(hung[2]!));
  t.is(world.execution.held, 1);
  await world.finish([hung[0]!]);
  t.deepEqual(
    hung.map(({ begun }) => begun),
    [true, false, false, true],
  );
  t.like(world.execution.counts, { cancelledBeforeStart: 1, expiredBeforeStart: 1, heldBack: 3 });
});

test('what is held back leaves two thirds of the queue to others', async (t) => {
  const world = new World(2, 8, 2);
  await world.warmUp();
  const hung = await trickle(world, 0, 10);
  t.is(world.execution.held, 3);
  t.deepEqual(
    hung.map(({ ends }) => ends[0]),
    [...new Array(4).fill(undefined), ...new Array(6).fill('shard_hangs')],
  );
  t.is(begunOf(await world.submit(1, 1)), 1);
  const none = new World(4, 0, 2);
  await none.warmUp();
  t.is((await trickle(none, 0, 4))[3]!.ends[0], 'shard_hangs');
});

test('every job ends once and no slot is lost, whatever hangs, ends, waits and is withdrawn', async (t) => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        submit: fc.nat(2),
        priority: fc.integer({ min: 0, max: 1 }),
        root: fc.constantFrom('a', 'b'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ finish: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ withdraw: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ pass: fc.constantFrom(5, 90, 11_000) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(0, 3, 50),
      fc.array(step, { maxLength: 60 }),
      async (slots, queue, steps) => {
        const world = new World(slots, queue, 3);
        const { execution } = world;
        let open: KeptJob[] = [];
        for (const action of steps) {
          if ('submit' in action) {
            const job = new KeptJob(world.compartments[action.submit]!, action.priority, action.root);
            if (execution.submit(job) === undefined) open.push(job);
          } else if ('finish' in action) {
            const running = open.filter(({ begun }) => begun);
            running[action.finish % Math.max(1, running.length)]?.finish();
          } else if ('withdraw' in action) {
            const waiting = open.filter(({ begun }) => !begun);
            const job = waiting[action.withdraw % Math.max(1, waiting.length)];
            if (job !== undefined && execution.withdraw(job)) open.splice(open.indexOf(job), 1);
          } else {
            world.clock.advance(action.pass);
          }
          await settle();
          open = open.filter(({ ends }) => ends.length === 0);
          const running = begunOf(open);
          t.is(execution.running, running);
          t.is(execution.inFlight, open.length);
          t.true(running <= slots);
          // No compartment without hanging tasks waits while a slot is free.
          const idle = slots - running;
          if (idle > 0) t.is(execution.waiting, execution.held);
          for (const job of open) t.true(job.begun || idle === 0 || job.compartment.running > 0);
        }
        while (open.length > 0) {
          const running = open.filter(({ begun }) => begun);
          t.true(running.length > 0, 'something waits for nothing');
          for (const job of running) job.finish();
          await settle();
          open = open.filter(({ ends }) => ends.length === 0);
        }
        t.is(execution.inFlight, 0);
        t.is(execution.held, 0);
        for (const compartment of world.compartments) t.is(compartment.running, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('over a link: while one shard hangs, the others of its worker are answered, and the log names it', async (t) => {
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => performance.now() + aheadMs };
  const { worker, addresses, lines, metric } = await serve(t, {
    shards: [0, 1],
    concurrency: 8,
    clock,
    handlers: ({ index }) => ({
      TopK: ({ text }: { text: string }) =>
        text === 'hang' && index === 0 ? new Promise(() => {}) : Promise.resolve({}),
    }),
  });
  const { begin, call } = await connect(t, addresses.address);
  for (const shard of [0, 1]) t.deepEqual((await call('TopK', {}, [shard])).end.failures, []);
  const inFlight = (): number => {
    const { tasks } = worker.status() as { tasks: { running: number; waiting: number } };
    return tasks.running + tasks.waiting;
  };
  const deadline = performance.now() + 600_000;
  for (let calls = 1; calls <= 12; calls++) {
    begin('TopK', { text: 'hang' }, [0], { deadline });
    await until(() => inFlight() === calls, 'the call');
    aheadMs += 500;
  }
  t.like(worker.status(), { tasks: { running: 4, waiting: 8, held: 8, slots: 8 } });
  const { end } = await call('TopK', { text: 'hang' }, [1]);
  t.like(end, { failures: [], inFlight: 4 }, 'its load is what others meet there');
  t.is(await metric('regather_worker_tasks_held_back_total', { method: 'TopK' }), 8);
  t.is(await metric('regather_worker_tasks_held'), 8);
  const told = lines.filter(({ message }) => String(message).startsWith('Tasks of a shard hang'));
  t.deepEqual(
    told.map(({ method, shard, slots }) => ({ method, shard, slots })),
    [{ method: 'TopK', shard: 0, slots: 4 }],
  );
});
