/** Each fault, injected into a worker process behind a root: does what it says, and heals. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type RunningRoot, startRoot } from '../kit/cluster.ts';
import { blackHole } from '../kit/faults/black-hole.ts';
import { blockedLoop } from '../kit/faults/blocked-loop.ts';
import { errorStorm } from '../kit/faults/error-storm.ts';
import type { Fault, Target } from '../kit/faults/fault.ts';
import { FaultLog } from '../kit/faults/fault-log.ts';
import { flapping } from '../kit/faults/flapping.ts';
import { garbage } from '../kit/faults/garbage.ts';
import { hang } from '../kit/faults/hang.ts';
import { lostPackets, NetworkNamespace } from '../kit/faults/namespace.ts';
import { reset } from '../kit/faults/reset.ts';
import {
  type FaultyWorkerOptions,
  type SearchTarget,
  startFaultyWorker,
} from '../kit/faults/search-target.ts';
import { sigkill } from '../kit/faults/sigkill.ts';
import { isStopped, sigstop } from '../kit/faults/sigstop.ts';
import { silent } from '../kit/faults/silent.ts';
import { slow } from '../kit/faults/slow.ts';
import { stopsReading } from '../kit/faults/stops-reading.ts';
import { stragglers } from '../kit/faults/stragglers.ts';
import { FakeClock, turn } from '../link/memory.ts';

interface Setting extends RunningRoot {
  readonly target: SearchTarget;
}

/** One worker, so that what is wrong with it is wrong with the answer. */
async function setUp(t: ExecutionContext, options: FaultyWorkerOptions = {}): Promise<Setting> {
  const target = await startFaultyWorker(t, 'w0', { shards: [0, 1], shardCount: 2, ...options });
  return { target, ...(await startRoot(t, [target])) };
}

const ask = ({ client }: Setting, text = 'x', timeoutMs = 5000) =>
  client.call('TopK', { text }, { timeoutMs });

/** The root finds its way back by itself. */
async function answersAgain(setting: Setting): Promise<void> {
  while ((await ask(setting)).code !== status.OK) await turn();
}

async function isGone(t: ExecutionContext, setting: Setting): Promise<void> {
  const { code } = await ask(setting, 'x', 200);
  t.true(code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED, `status ${code}`);
}

test.serial('SIGKILL ends the process, and another takes its port', async (t) => {
  const setting = await setUp(t);
  const { target } = setting;
  const { address, pid } = target;
  const { heal } = await sigkill().inject(target);
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await isGone(t, setting);
  await heal();
  t.is(target.address, address);
  t.not(target.pid, pid);
  await answersAgain(setting);
});

test.serial('SIGSTOP stops the process until it is healed', async (t) => {
  const setting = await setUp(t);
  const { heal } = await sigstop().inject(setting.target);
  t.true(isStopped(setting.target.pid));
  await isGone(t, setting);
  await heal();
  await answersAgain(setting);
  t.false(isStopped(setting.target.pid));
});

test.serial('a hang holds handlers that have begun', async (t) => {
  const setting = await setUp(t);
  const { heal } = await hang([1]).inject(setting.target);
  const held = ask(setting);
  while ((await setting.target.tally()).hung === 0) await turn();
  await heal();
  t.is((await held).code, status.OK);
});

test.serial('a blocked loop answers nobody until it is over', async (t) => {
  const setting = await setUp(t);
  const before = performance.now();
  const { heal } = await blockedLoop({ forMs: 300 }).inject(setting.target);
  // The worker's own answer to this waits for the end of the block as well.
  while ((await setting.target.tally()).blocks === 0) await turn();
  t.true(performance.now() - before >= 299);
  t.is((await ask(setting)).code, status.OK);
  await heal();
  t.is((await setting.target.tally()).blocks, 1);
});

test.serial('slow multiplies what tasks take', async (t) => {
  const serviceTime = { seed: 1, medianMs: 2, sigma: 0, slowShare: 0, slowMs: [0, 0] } as const;
  const setting = await setUp(t, { serviceTime });
  const served = async (): Promise<number> => {
    const before = (await setting.target.tally()).servedMs;
    t.is((await ask(setting)).code, status.OK);
    return (await setting.target.tally()).servedMs - before;
  };
  t.is(await served(), 4);
  const { heal } = await slow(20).inject(setting.target);
  t.is(await served(), 80);
  await heal();
  t.is(await served(), 4);
});

test.serial('stragglers are drawn by request, shard and replica', async (t) => {
  const setting = await setUp(t);
  const { heal } = await stragglers({ share: 0.2, extraMs: [1, 3], seed: 4 }).inject(setting.target);
  const straggled = async (): Promise<number> => {
    const before = (await setting.target.tally()).straggled;
    await Promise.all(Array.from({ length: 100 }, (_, i) => ask(setting, `query ${i}`)));
    return (await setting.target.tally()).straggled - before;
  };
  const first = await straggled();
  t.true(first > 20 && first < 60, `${first} of 200`);
  t.is(await straggled(), first);
  await heal();
  t.is(await straggled(), 0);
});

for (const code of [status.UNAVAILABLE, status.RESOURCE_EXHAUSTED] as const) {
  test.serial(`a storm of ${status[code]} is what the caller sees`, async (t) => {
    const setting = await setUp(t);
    const { heal } = await errorStorm({ code, shards: [1] }).inject(setting.target);
    t.is((await ask(setting)).code, code);
    await heal();
    t.is((await ask(setting)).code, status.OK);
  });
}

for (const fault of [silent(), reset(), blackHole(), stopsReading()]) {
  test.serial(`${fault.label}: no answer until it is healed`, async (t) => {
    const setting = await setUp(t, { proxied: true });
    t.is((await ask(setting)).code, status.OK);
    const { heal } = await fault.inject(setting.target);
    await isGone(t, setting);
    await heal();
    await answersAgain(setting);
  });
}

test.serial('garbage on the connection ends it, and the next one is well', async (t) => {
  const setting = await setUp(t, { proxied: true });
  t.is((await ask(setting)).code, status.OK);
  await garbage({ seed: 3 }).inject(setting.target);
  await answersAgain(setting);
});

test.serial('faults of the network need a proxy', async (t) => {
  const setting = await setUp(t);
  for (const fault of [silent(), reset(), blackHole(), stopsReading(), garbage()]) {
    await t.throwsAsync(fault.inject(setting.target), { message: /Expected a proxy in front of w0/ });
  }
});

const noNamespace = NetworkNamespace.whyNot();
(noNamespace === undefined ? test.serial : test.serial.skip)(
  `packets are lost in a network namespace${noNamespace === undefined ? '' : ` (${noNamespace})`}`,
  async (t) => {
    const namespace = new NetworkNamespace();
    t.teardown(() => namespace.remove());
    const setting = await setUp(t, { namespace });
    t.true(setting.target.address.startsWith(`${namespace.worker}:`));
    t.is((await ask(setting)).code, status.OK);
    const { heal } = await lostPackets(namespace).inject(setting.target);
    await isGone(t, setting);
    await heal();
    await answersAgain(setting);
  },
);

test('flapping breaks and heals in turns, and ends healed', async (t) => {
  const clock = new FakeClock();
  const log: string[] = [];
  const fault: Fault = {
    label: 'it',
    effect: 'gone',
    async inject() {
      log.push(`broken ${clock.now() - 1000}`);
      return {
        async heal() {
          log.push(`well ${clock.now() - 1000}`);
        },
      };
    },
  };
  const nobody = {} as Target;
  const { heal } = await flapping(fault, { clock }).inject(nobody);
  await clock.advance(2500);
  t.deepEqual(log, ['broken 0', 'well 1000', 'broken 2000']);
  await heal();
  t.deepEqual(log.slice(3), ['well 2500']);
  await clock.advance(5000);
  t.is(log.length, 4);
  t.is(clock.pending, 0);
  const whileWell = await flapping(fault, { clock, brokenMs: 10, wellMs: 10 }).inject(nobody);
  await clock.advance(15);
  await whileWell.heal();
  t.is(log.length, 6);
});

test('the log knows which shards cannot be answered, and which have to be', async (t) => {
  const clock = new FakeClock();
  const targets = [
    { id: 'a', shards: [0, 1] },
    { id: 'b', shards: [1, 2] },
    { id: 'c', shards: [2] },
  ] as unknown as Target[];
  const nothing = { inject: async () => ({ heal: async () => {} }) };
  const log = new FaultLog(clock);
  t.deepEqual(log.expected(targets, 0, 0), { lost: [], whole: [0, 1, 2] });
  await clock.advance(100);
  const a = await log.inject({ label: 'dead', effect: 'gone', ...nothing }, targets[0]!);
  await log.inject({ label: 'slow', effect: 'late', ...nothing }, targets[1]!);
  t.deepEqual(log.expected(targets, 1100, 1200), { lost: [0], whole: [2] });
  t.deepEqual(
    log.expected(targets, 1000, 1200),
    { lost: [], whole: [2] },
    'shard 0 may have been answered before',
  );
  await clock.advance(200);
  await a.heal();
  t.deepEqual(log.expected(targets, 1250, 1350), { lost: [], whole: [2] });
  t.deepEqual(log.expected(targets, 1301, 1400), { lost: [], whole: [0, 1, 2] });
  t.deepEqual([...log.effects(['a', 'b'], 1250, 1300)], ['gone', 'late']);
  t.deepEqual([...log.effects(['a', 'c'], 1301, 1400)], []);
  t.deepEqual(
    log.entries.map(({ label, target, from, to }) => ({ label, target, from, to })),
    [
      { label: 'dead', target: 'a', from: 1100, to: 1300 },
      { label: 'slow', target: 'b', from: 1100, to: undefined },
    ],
  );
});
