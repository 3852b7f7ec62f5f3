import test from 'ava';
import fc from 'fast-check';
import { pickRequests } from '../../bench/load/requests.ts';
import { blockSpans, cutSpans, spanAt } from '../../bench/load/schedule/blocks.ts';
import { dealCount, dealOut } from '../../bench/load/schedule/deal.ts';
import { cutPhases, replaySchedule, scheduleOf } from '../../bench/load/schedule/schedule.ts';
import { constantRate, ramp, type Stretch, steps, withSpikes } from '../../bench/load/schedule/stretches.ts';

const schedule = (stretches: readonly Stretch[], more: object = {}) =>
  scheduleOf({ stretches, arrivals: 'constant', seed: 1, warmUpMs: 0, ...more });
const between = (times: Float64Array, from: number, to: number): number =>
  times.filter((time) => time >= from && time < to).length;

test('constant arrivals are equally far apart, half a gap from the beginning', (t) => {
  t.deepEqual([...schedule([constantRate(4, 1000)]).times], [125, 375, 625, 875]);
});

test('constant arrivals keep their gap over a change of the rate, by the share of it that has passed', (t) => {
  const { times } = schedule(steps([1, 2], 1500));
  t.deepEqual([...times], [500, 1500, 2000, 2500]);
});

test('Poisson arrivals have the rate on average and gaps as varied as an exponential', (t) => {
  const { times } = schedule([constantRate(1000, 100_000)], { arrivals: 'poisson' });
  // Four standard deviations of a count of 100,000.
  t.true(Math.abs(times.length - 100_000) < 4 * Math.sqrt(100_000), String(times.length));
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  t.true(Math.abs(Math.sqrt(variance) / mean - 1) < 0.02);
});

test('a ramp sends what the area under it says, ever closer', (t) => {
  const { times } = schedule([ramp(0, 100, 10_000)]);
  t.is(times.length, 500);
  // Of 100·t²/20 with t in seconds: a quarter comes in the first half.
  t.is(between(times, 0, 5000), 125);
  t.is(schedule([ramp(100, 0, 10_000)]).times.length, 500);
});

test('spikes interrupt a constant rate, wherever they are', (t) => {
  const stretches = withSpikes(10, 10_000, [{ perSecond: 100, atMs: 4000, durationMs: 2000 }]);
  const { phases, times } = schedule(stretches);
  t.deepEqual(
    phases.map(({ name, startMs, durationMs }) => [name, startMs, durationMs]),
    [
      ['10/s', 0, 4000],
      ['spike of 100/s', 4000, 2000],
      ['10/s (2)', 6000, 4000],
    ],
  );
  t.is(between(times, 4000, 6000), 200);
  t.is(times.length, 280);
  t.throws(() => withSpikes(10, 1000, [{ perSecond: 1, atMs: 900, durationMs: 200 }]), {
    instanceOf: RangeError,
  });
});

test('the same seed gives the same schedule, another one another', (t) => {
  const times = (seed: number) => schedule([constantRate(100, 5000)], { arrivals: 'poisson', seed }).times;
  t.deepEqual(times(7), times(7));
  t.notDeepEqual(times(7), times(8));
});

test('a count ends the run when the next request would come', (t) => {
  const { times, durationMs, phases } = schedule(steps([10, 20, 30], 1000), { count: 15 });
  t.is(times.length, 15);
  t.true(durationMs > times[14]! && durationMs < 2000);
  t.is(phases.length, 2);
  t.is(phases[1]!.startMs + phases[1]!.durationMs, durationMs);
});

test('a run that was interrupted in its warm-up has a phase still, of no length', (t) => {
  const { phases } = schedule(steps([10, 20], 1000));
  t.deepEqual(
    cutPhases(phases, 0).map(({ name, durationMs }) => [name, durationMs]),
    [['10/s', 0]],
  );
  t.deepEqual(
    cutPhases(phases, 1500).map(({ name, durationMs }) => [name, durationMs]),
    [
      ['10/s', 1000],
      ['20/s', 500],
    ],
  );
});

test('warm-up comes before 0, at the first rate, or at the mean of a ramp from 0', (t) => {
  const one = schedule([constantRate(100, 1000)], { warmUpMs: 500 });
  t.is(one.warmUpCount, 50);
  t.is(between(one.times, -500, 0), 50);
  t.is(schedule([ramp(0, 100, 1000)], { warmUpMs: 1000 }).warmUpCount, 50);
});

test('a replay keeps the gaps of its log, divided by the speed', (t) => {
  const { times, durationMs, phases } = replaySchedule({
    atMs: [1000, 1100, 1400],
    speed: 2,
    seed: 1,
    warmUpMs: 0,
  });
  t.deepEqual([...times], [0, 50, 200]);
  t.is(durationMs, 300);
  t.is(phases[0]!.name, 'replay × 2');
  t.is(phases[0]!.offeredPerSecond, 10);
});

test('dealing out gives every request to exactly one generator, in order, with its body', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 5 }),
      (unsorted, among, size) => {
        const times = Float64Array.from(unsorted).sort();
        const bodies = Array.from({ length: size }, (_, i) => Buffer.from([i]));
        const picks = Uint32Array.from(times, (_, i) => (i * 3) % size);
        const dealt = dealOut(times, picks, bodies, among).flatMap((share) => {
          t.deepEqual(
            [...share.times],
            [...share.times].sort((a, b) => a - b),
          );
          t.is(new Set(share.bodies).size, share.bodies.length);
          return [...share.times].map((time, i) => [time, share.bodies[share.picks[i]!]![0]!]);
        });
        const key = (pair: number[]): string => pair.join();
        const all = [...times].map((time, i) => [time, picks[i]!]);
        t.deepEqual(dealt.map(key).sort(), all.map(key).sort());
      },
    ),
  );
  t.deepEqual(dealCount(7, 3), [3, 2, 2]);
});

test('requests are taken in turn from the first measured one on, or drawn by the seed', (t) => {
  const bodies = [0, 1, 2].map((i) => Buffer.from([i]));
  t.deepEqual([...pickRequests({ bodies, order: 'cycle' }, 2, 7, 1)], [1, 2, 0, 1, 2, 0, 1]);
  const random = pickRequests({ bodies, order: 'random' }, 0, 300, 1);
  t.deepEqual([...new Set(random)].sort(), [0, 1, 2]);
  t.deepEqual(random, pickRequests({ bodies, order: 'random' }, 0, 300, 1));
});

test('blocks are seconds, finer in a short run, and never cross from one phase into another', (t) => {
  const phases = (durations: number[]) =>
    schedule(durations.map((durationMs, i) => constantRate(i + 1, durationMs))).phases;
  const lengths = (durations: number[]) => blockSpans(phases(durations)).map(({ durationMs }) => durationMs);
  t.deepEqual(lengths([10_000, 3000]), Array(13).fill(1000));
  t.deepEqual(lengths([600]), Array(10).fill(60));
  t.deepEqual(lengths([200]), Array(4).fill(50));
  const spans = blockSpans(phases([9700, 5200]));
  t.deepEqual([...new Set(spans.map(({ phase }) => phase))], [0, 1]);
  t.is(spanAt(spans, -0.1), -1);
  t.is(spans[spanAt(spans, 9699.9)]!.phase, 0);
  t.is(spans[spanAt(spans, 9700)]!.phase, 1);
  t.is(spanAt(spans, 14_900), spans.length);
  const cut = cutSpans(spans, 10_000);
  t.is(cut.at(-1)!.startMs + cut.at(-1)!.durationMs, 10_000);
});
