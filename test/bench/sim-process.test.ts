/** Simulated processes: one thing at a time each, on cores that they share. */
import test from 'ava';
import { seededRandom } from '../../bench/load/random.ts';
import { VirtualClock } from '../../bench/sim/clock.ts';
import { Cores, freeMachine, type Machine } from '../../bench/sim/machine.ts';
import { SimProcess } from '../../bench/sim/process.ts';

const machine = (cores: number, over: Partial<Machine> = {}): Machine => ({
  ...freeMachine(),
  cores: new Cores(cores),
  ...over,
});

test('three with work for two cores: the third begins when one has nothing left to do', async (t) => {
  const clock = new VirtualClock();
  const two = machine(2);
  const [a, b, c] = [0, 1, 2].map(() => new SimProcess(clock, two));
  const done: string[] = [];
  const work = (process: SimProcess, name: string, ms: number): void =>
    process.run(ms, () => done.push(`${name} ${clock.now()}`));
  work(a!, 'a', 2);
  work(a!, 'a', 1);
  work(b!, 'b', 4);
  work(c!, 'c', 5);
  clock.at(3.5, () => work(a!, 'a', 1));
  await clock.run(100);
  // The late work of a gets the core that b has left.
  t.deepEqual(done, ['a 2', 'a 3', 'b 4', 'a 5', 'c 8']);
  t.is(a!.usedMs + b!.usedMs + c!.usedMs, 13);
});

test('who waits for a core gets it in the order of asking', async (t) => {
  const clock = new VirtualClock();
  const one = machine(1);
  const done: string[] = [];
  for (const name of ['a', 'b', 'c', 'd'])
    new SimProcess(clock, one).run(1, () => done.push(`${name} ${clock.now()}`));
  await clock.run(100);
  t.deepEqual(done, ['a 1', 'b 2', 'c 3', 'd 4']);
});

test('an event loop that stands still needs no core, and does what came meanwhile when it goes on', async (t) => {
  const clock = new VirtualClock();
  const one = machine(1);
  const still = new SimProcess(clock, one);
  const other = new SimProcess(clock, one);
  const done: string[] = [];
  still.block(10);
  still.run(1, () => done.push(`still ${clock.now()}`));
  still.setTimer(() => done.push(`timer ${clock.now()}`), 5);
  clock.at(2, () => other.run(3, () => done.push(`other ${clock.now()}`)));
  await clock.run(100);
  t.deepEqual(done, ['other 5', 'still 11', 'timer 11']);
});

test('a timer that was cancelled while it waited for the event loop never fires', async (t) => {
  const clock = new VirtualClock();
  const process = new SimProcess(clock, machine(1));
  let fired = false;
  const timer = process.setTimer(() => {
    fired = true;
  }, 1);
  process.run(5, () => timer.cancel());
  await clock.run(100);
  t.false(fired);
});

test('without costs everything happens at once, also what is asked for from within', async (t) => {
  const clock = new VirtualClock();
  const process = new SimProcess(clock, freeMachine());
  const done: number[] = [];
  process.run(0, () => {
    process.run(0, () => done.push(2));
    done.push(1);
  });
  t.deepEqual(done, [1, 2]);
});

test('to wake costs once for all that came together', async (t) => {
  const clock = new VirtualClock();
  const process = new SimProcess(clock, machine(1, { costs: { ...freeMachine().costs, wake: 1 } }));
  const done: number[] = [];
  for (let i = 0; i < 3; i++) process.run(2, () => done.push(clock.now()));
  clock.at(20, () => process.run(2, () => done.push(clock.now())));
  await clock.run(100);
  t.deepEqual(done, [3, 5, 7, 23]);
});

test('helper threads take cores as well: their share of what the event loops use', async (t) => {
  const clock = new VirtualClock();
  const cores = new Cores(1);
  let heldMs = 0;
  const { take } = cores;
  const watched = Object.assign(cores, {
    take: (granted: () => void) =>
      take.call(cores, () => {
        const from = clock.now();
        const { release } = cores;
        cores.release = () => {
          heldMs += clock.now() - from;
          cores.release = release;
          release.call(cores);
        };
        granted();
      }),
  });
  const process = new SimProcess(
    clock,
    machine(1, { cores: watched, background: { share: 0.5, burstMs: 3 }, random: seededRandom(3) }),
  );
  for (let i = 0; i < 2000; i++) clock.at(i * 5, () => process.run(1, () => {}));
  await clock.run(20_000);
  t.is(process.usedMs, 2000);
  t.true(heldMs > 2900 && heldMs < 3100, `${heldMs}`);
});
