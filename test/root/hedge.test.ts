/** When a task is hedged, and each reason not to. */
import test from 'ava';
import { defaultPolicy } from '../../root/policy.ts';
import { Hedging, type RootPressure } from '../../root/replicas/hedge.ts';
import { LatencyWindow } from '../../root/replicas/latency-window.ts';
import { WorkerLoad } from '../../root/replicas/load.ts';
import type { Worker } from '../../root/replicas/worker.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { searchPlan } from '../kit/cluster.ts';

const methodOf = (name: string): MethodPlan => searchPlan.methods.find((method) => method.name === name)!;

function setUp({
  method = 'TopK',
  policy = {},
  latencies = [] as readonly number[],
  late = 0,
  used = 0,
}: {
  method?: string;
  policy?: Partial<typeof defaultPolicy.hedge>;
  latencies?: readonly number[];
  late?: number;
  used?: number;
} = {}) {
  const latency = new LatencyWindow(0.95);
  for (const ms of latencies) latency.record(ms, 0);
  const pressure: RootPressure = { loopDelay: { p99Ms: late }, admission: { inUse: used * 200, limit: 200 } };
  return new Hedging(methodOf(method), { ...defaultPolicy.hedge, ...policy }, 0.05, latency, pressure);
}

/** 1 … 1000 ms, evenly. */
const spread = Array.from({ length: 1000 }, (_, i) => i + 1);
const steady = new Array<number>(1000).fill(10);

function about(actual: unknown, expected: number): boolean {
  return typeof actual === 'number' && Math.abs(actual - expected) <= expected / 16;
}

test('the delay is the quantile of what tasks take', (t) => {
  t.true(about(setUp({ latencies: spread }).delay(0, 10_000), 950));
});

test('never sooner than one and a half medians, or the least that is configured', (t) => {
  t.true(about(setUp({ latencies: steady }).delay(0, 10_000), 15));
  t.is(setUp({ latencies: steady, policy: { minDelayMs: 40 } }).delay(0, 10_000), 40);
  t.is(setUp({ latencies: steady.map(() => 0.1) }).delay(0, 10_000), 2);
});

test('never after half of the time left, in which the second must be able to answer', (t) => {
  t.is(setUp({ latencies: [...steady, ...new Array(200).fill(500)] }).delay(0, 100), 50);
  t.is(setUp({ latencies: steady }).delay(0, 20), 'no_time');
  t.true(about(setUp({ latencies: steady }).delay(0, 40), 15));
});

test('not on few samples, nor by a policy that says no, nor what may not run twice', (t) => {
  t.is(setUp({ latencies: steady.slice(0, 199) }).delay(0, 1000), 'few_samples');
  t.true(about(setUp({ latencies: steady.slice(0, 200) }).delay(0, 1000), 15));
  t.is(setUp({ latencies: steady, policy: { enabled: false } }).delay(0, 1000), 'disabled');
  t.is(setUp({ latencies: steady, method: 'Count' }).delay(0, 1000), 'not_idempotent');
  t.is(setUp({ latencies: steady, method: 'List' }).delay(0, 1000), 'streaming');
});

test('not while the root is late, or near what it admits', (t) => {
  const late = setUp({ late: 5 });
  const full = setUp({ used: 0.7 });
  const well = setUp({ late: 4.9, used: 0.69 });
  t.is(late.refusal(0, 0, 0), 'root_late');
  t.is(
    late.refusal(0, 11, 0),
    undefined,
    'for twice as long as the root is late: it is the task that is slow',
  );
  t.is(full.refusal(0, 0, 0), 'root_full');
  t.is(well.refusal(0, 0, 0), undefined);
});

test('not on a worker whose tasks wait for half of what one takes', (t) => {
  const hedging = setUp({ latencies: steady });
  const load = new WorkerLoad();
  const worker = { load } as unknown as Worker;
  for (let i = 0; i < 100; i++) load.measured(0.1, 4);
  t.false(hedging.isBusy(worker, 0, 0));
  for (let i = 0; i < 100; i++) load.measured(0.1, 6);
  t.true(hedging.isBusy(worker, 0, 0));
  t.true(hedging.isBusy(worker, 5, 0));
  t.false(
    hedging.isBusy(worker, 10, 0),
    'what has been open for long gains from a hedge that waits a little',
  );
});

test('not when so many are slow that replicas are no help; again when it is over', (t) => {
  const hedging = setUp();
  let now = 0;
  const second = (slow: number): (string | undefined)[] => {
    const said: (string | undefined)[] = [];
    for (let i = 0; i < 100; i++) {
      now += 10;
      hedging.began(100, now);
      if (slow === 0) continue;
      for (let task = 0; task < 100 * slow; task++) hedging.outlived(0, 0, now);
      said.push(hedging.refusal(0, 0, now));
    }
    return said;
  };
  t.true(
    second(0.05).every((refusal) => refusal === undefined),
    'one in twenty is what is expected',
  );
  t.true(
    second(0.09).every((refusal) => refusal === undefined),
    'less than twice of it is borne',
  );
  const shift = second(1);
  t.is(shift.at(-1), 'all_slow');
  t.true(shift.indexOf('all_slow') < 25, 'within a quarter of a second');
  for (let i = 0; i < 10; i++) second(0.02);
  t.is(hedging.refusal(0, 0, now), undefined);
});

/** A pause of a few ms under a wide scatter left its stragglers, and those of the next two seconds, without hedges. */
test('what is still open when nearly all that was slow has come may be hedged', (t) => {
  const hedging = setUp();
  hedging.began(1000, 0);
  for (let task = 0; task < 1000; task++) hedging.outlived(0, 0, 0);
  for (let task = 0; task < 300; task++) hedging.outlived(1, 1, 0);
  for (let task = 0; task < 100; task++) hedging.outlived(2, 3, 0);
  t.deepEqual(
    [0, 1, 2, 3, 4].map((step) => hedging.refusal(step, 0, 0)),
    ['all_slow', 'all_slow', undefined, undefined, undefined],
  );
  for (let task = 0; task < 100; task++) hedging.outlived(2, 3, 0);
  t.is(hedging.refusal(3, 0, 0), 'all_slow', 'it may be all that is slow, and by so much');
});
