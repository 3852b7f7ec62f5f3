/** What a worker does to its tasks when it is told to, on a clock of the test's. */
import test from 'ava';
import { serviceMs } from '../kit/faults/service-time.ts';
import { WorkerFaults } from '../kit/faults/worker-faults.ts';
import { FakeClock, turn } from '../link/memory.ts';

const serviceTime = { seed: 1, medianMs: 10, sigma: 0, slowShare: 0, slowMs: [0, 0] } as const;

function setUp(timed = true) {
  const clock = new FakeClock();
  const faults = new WorkerFaults({ replica: 2, clock, serviceTime: timed ? serviceTime : undefined });
  const controller = new AbortController();
  const ask = (request: number, shard: number) => {
    const outcome: { state: 'open' | 'done' | 'failed'; error?: unknown } = { state: 'open' };
    const wait = faults.before(request, shard, { signal: controller.signal });
    if (wait === undefined) outcome.state = 'done';
    wait?.then(
      () => {
        outcome.state = 'done';
      },
      (error: unknown) => {
        outcome.state = 'failed';
        outcome.error = error;
      },
    );
    return outcome;
  };
  return { clock, faults, controller, ask };
}

test('without a service time and without faults a task waits for nothing', (t) => {
  t.is(setUp(false).ask(1, 0).state, 'done');
});

test('slow multiplies the service time of its shards until it is healed', async (t) => {
  const { clock, faults, ask } = setUp();
  faults.order({ kind: 'slow', factor: 20, shards: [1] });
  const [well, slow] = [ask(1, 0), ask(1, 1)];
  await clock.advance(10);
  t.is(well.state, 'done');
  await clock.advance(189);
  t.is(slow.state, 'open');
  await clock.advance(1);
  t.is(slow.state, 'done');
  t.is(faults.tally.servedMs, 210);
  faults.order({ kind: 'heal', what: 'slow' });
  const healed = ask(1, 1);
  await clock.advance(10);
  t.is(healed.state, 'done');
});

test('what takes no time cannot be slower', (t) => {
  t.throws(() => setUp(false).faults.order({ kind: 'slow', factor: 2 }), { message: /service time/ });
});

test('hanging tasks end when they are healed, or given up', async (t) => {
  const { clock, faults, controller, ask } = setUp(false);
  faults.order({ kind: 'hang' });
  const hung = ask(1, 0);
  await clock.advance(60_000);
  t.is(hung.state, 'open');
  faults.order({ kind: 'heal', what: 'hang' });
  await turn();
  t.is(hung.state, 'done');
  faults.order({ kind: 'hang', shards: [3] });
  t.is(ask(2, 0).state, 'done');
  const left = ask(2, 3);
  controller.abort(new Error('left'));
  await turn();
  t.is(left.state, 'failed');
  t.is((left.error as Error).message, 'left');
  t.is(faults.tally.hung, 2);
  t.is(clock.pending, 0);
});

test('a task that is given up stops waiting and leaves no timer', async (t) => {
  const { clock, controller, ask } = setUp();
  const task = ask(1, 0);
  t.is(clock.pending, 1);
  controller.abort(new Error('left'));
  await turn();
  t.is(task.state, 'failed');
  t.is(clock.pending, 0);
});

test('stragglers are their share of the tasks, the same ones each time, and take as long as drawn', async (t) => {
  const run = async () => {
    const { clock, faults, ask } = setUp(false);
    faults.order({ kind: 'stragglers', share: 0.1, extraMs: [100, 500], seed: 5 });
    const tasks = Array.from({ length: 1000 }, (_, request) => ask(request, request % 4));
    const slow = tasks.flatMap((task, request) => (task.state === 'open' ? [request] : []));
    await clock.advance(99);
    t.true(slow.every((request) => tasks[request]!.state === 'open'));
    await clock.advance(401);
    t.true(tasks.every((task) => task.state === 'done'));
    t.is(faults.tally.straggled, slow.length);
    return slow;
  };
  const slow = await run();
  t.true(slow.length > 70 && slow.length < 130, `${slow.length} of 1000`);
  t.deepEqual(await run(), slow);
});

test('an error storm fails its share with its status, and stops', async (t) => {
  const { faults, ask } = setUp(false);
  faults.order({ kind: 'errors', code: 14, share: 0.5, seed: 3 });
  const tasks = Array.from({ length: 1000 }, (_, request) => ask(request, 0));
  await turn();
  const failed = tasks.filter((task) => task.state === 'failed');
  t.true(failed.length > 440 && failed.length < 560, `${failed.length} of 1000`);
  t.true(failed.every(({ error }) => (error as { code: number }).code === 14));
  t.is(faults.tally.failed, failed.length);
  faults.order({ kind: 'heal', what: 'errors' });
  t.is(ask(1, 0).state, 'done');
});

test('a block stops the thread, once or at times drawn with the mean that was asked for', async (t) => {
  const { clock, faults } = setUp(false);
  faults.order({ kind: 'block', forMs: 30, seed: 1 });
  t.is(faults.tally.blocks, 0, 'the order is confirmed first');
  const before = performance.now();
  await clock.advance(0);
  t.true(performance.now() - before >= 29);
  t.is(faults.tally.blocks, 1);
  faults.order({ kind: 'block', forMs: 0, everyMs: 1000, seed: 1 });
  await clock.advance(400_000);
  const { blocks } = faults.tally;
  t.true(blocks > 340 && blocks < 460, `${blocks} blocks in 400 s`);
  faults.order({ kind: 'heal', what: 'block' });
  await clock.advance(10_000);
  t.is(faults.tally.blocks, blocks);
  t.is(clock.pending, 0);
});

test('service times are those of the distribution', async (t) => {
  const clock = new FakeClock();
  const time = { seed: 3, medianMs: 5, sigma: 0.5, slowShare: 0, slowMs: [0, 0] } as const;
  const faults = new WorkerFaults({ replica: 1, clock, serviceTime: time });
  faults.before(9, 4, { signal: new AbortController().signal });
  t.is(faults.tally.servedMs, serviceMs(time, 9, 4, 1));
});
