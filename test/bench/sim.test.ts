/** The simulator: the real policies in virtual time. Figures of virtual time are exact, so what policies do to the tail can be asserted. */
import test from 'ava';
import { VirtualClock } from '../../bench/sim/clock.ts';
import { type Preset, presets } from '../../bench/sim/presets.ts';
import { quantileOf, recoverySeconds, simulate } from '../../bench/sim/run.ts';

const presetOf = (name: string, over: Partial<Preset> = {}): Preset => ({
  ...presets.find((preset) => preset.name === name)!,
  ...over,
});

test('virtual time: in order, ties as set, cancelled ones never, and nothing after the end', async (t) => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  for (let i = 0; i < 200; i++) clock.at((i * 7919) % 100, () => seen.push(`${clock.now()}`));
  clock.at(50, () => clock.setTimer(() => seen.push(`nested ${clock.now()}`), 5));
  clock.at(60, () => seen.push('cancelled')).cancel();
  clock.at(1000, () => seen.push('too late'));
  await clock.run(500);
  t.is(seen.length, 201);
  t.deepEqual(
    seen.filter((one) => !one.startsWith('nested')).map(Number),
    Array.from({ length: 200 }, (_, i) => Math.floor(i / 2)),
  );
  t.true(seen.includes('nested 55'));
  t.is(clock.now(), 500);
});

test.serial('the same seed makes the same run, another seed another', async (t) => {
  t.timeout(300_000);
  const preset = presetOf('stragglers', { shards: 16, seconds: 6 });
  const [a, b, c] = [
    await simulate(preset, preset.arms.all!, 7),
    await simulate(preset, preset.arms.all!, 7),
    await simulate(preset, preset.arms.all!, 8),
  ];
  t.deepEqual(a, b);
  t.notDeepEqual(a.latencies, c.latencies);
  t.true(a.latencies.length > 300);
});

test.serial(
  'stragglers on 64 shards in 8 workers: p99 a twelfth of unhedged for a twentieth of extra tasks',
  async (t) => {
    t.timeout(300_000);
    const preset = presetOf('stragglers', { seconds: 20 });
    const plain = await simulate(preset, preset.arms['without hedges']!, 3);
    const hedged = await simulate(preset, preset.arms.all!, 3);
    t.is(hedged.failed, 0);
    const ratio = quantileOf(hedged.latencies, 0.99) / quantileOf(plain.latencies, 0.99);
    t.true(ratio <= 0.08, `${ratio}`);
    const extra = hedged.extra / hedged.primaries;
    t.true(extra <= 0.055, `${extra}`);
  },
);

test.serial('workers that stand still now and then: p99 at most two fifths of round robin', async (t) => {
  t.timeout(300_000);
  const preset = presetOf('stalls', { seconds: 20 });
  const turns = await simulate(preset, preset.arms.none!, 3);
  const all = await simulate(preset, preset.arms.all!, 3);
  const ratio = quantileOf(all.latencies, 0.99) / quantileOf(turns.latencies, 0.99);
  t.true(ratio <= 0.4, `${ratio}`);
});

test.serial(
  'half of the workers standing still at the same time: nobody fails, and extra work stays within its budget',
  async (t) => {
    t.timeout(300_000);
    const preset = presetOf('correlated', { seconds: 15 });
    for (const seed of [3, 4]) {
      const plain = await simulate(preset, preset.arms.none!, seed);
      const all = await simulate(preset, preset.arms.all!, seed);
      t.is(all.failed, 0);
      const extra = all.extra / all.primaries;
      t.true(extra > 0.01 && extra <= 0.055, `${extra}`);
      // What was sent before it began waits as long as ever; nothing else is made to.
      const ratio = quantileOf(all.latencies, 0.99) / quantileOf(plain.latencies, 0.99);
      t.true(ratio <= 1, `${ratio}`);
    }
  },
);

/** While a pause makes all tasks late, and for two seconds after it, none was hedged, and then the budget was empty: p95 was that of no hedges. */
test.serial('1,000 shards of workers that pause together: stragglers are hedged all the same', async (t) => {
  t.timeout(300_000);
  const preset = presetOf('pauses', { seconds: 30 });
  const plain = await simulate(preset, preset.arms.none!, 3);
  const all = await simulate(preset, preset.arms.all!, 3);
  t.is(all.failed, 0);
  for (const [q, bound] of [
    [0.95, 0.25],
    [0.99, 0.5],
  ] as const) {
    const ratio = quantileOf(all.latencies, q) / quantileOf(plain.latencies, q);
    t.true(ratio <= bound, `${q}: ${ratio}`);
  }
  const extra = all.extra / all.primaries;
  t.true(extra <= 0.1, `${extra}`);
});

/** Each request has about a hundred stragglers; hedged, one of them is slow twice, and one request in three has none. That bounds p99 from below. */
test.serial(
  '10,000 shards under stragglers: the median well below what it is without, for a twentieth of extra tasks',
  async (t) => {
    t.timeout(300_000);
    const preset = presetOf('scale', { load: 0.015, seconds: 5 });
    const plain = await simulate(preset, preset.arms.none!, 3);
    const all = await simulate(preset, preset.arms.all!, 3);
    t.is(all.failed, 0);
    t.true(quantileOf(plain.latencies, 0.5) > 490, 'the worst of a hundred');
    const ratio = quantileOf(all.latencies, 0.5) / quantileOf(plain.latencies, 0.5);
    t.true(ratio <= 0.67, `${ratio}`);
    t.true(quantileOf(all.latencies, 0.99) <= quantileOf(plain.latencies, 0.99));
    const extra = all.extra / all.primaries;
    t.true(extra <= 0.055, `${extra}`);
  },
);

test.serial('one worker five times as slow hardly shows', async (t) => {
  t.timeout(300_000);
  const preset = presetOf('one-slow', { seconds: 15 });
  const healthy = await simulate({ ...preset, faults: () => undefined }, preset.arms.all!, 3);
  const slow = await simulate(preset, preset.arms.all!, 3);
  t.is(slow.failed, 0);
  const ratio = quantileOf(slow.latencies, 0.5) / quantileOf(healthy.latencies, 0.5);
  t.true(ratio <= 1.15, `${ratio}`);
});

test.serial(
  'after everything was four times as slow, all is as before within five seconds, clients asking again or not',
  async (t) => {
    t.timeout(300_000);
    const asking = presetOf('metastable', { shards: 16, shardsPerWorker: 4, slots: 8, seconds: 30 });
    t.true(asking.clientRetries > 0);
    const patient = { ...asking, clientRetries: 0 };
    for (const [seed, preset] of [3, 4, 5].flatMap((one) => [
      [one, asking] as const,
      [one, patient] as const,
    ])) {
      const all = await simulate(preset, preset.arms.all!, seed);
      t.true(recoverySeconds(all, preset.overAt!) <= 5, `${all.goodput.slice(15)}`);
      const asked = all.offered[17]!;
      t.true(all.goodput[17]! < asked / 2, `it did no harm: ${all.goodput[17]} of ${asked}`);
    }
  },
);
