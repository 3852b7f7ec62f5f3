/** What is counted of the hedges and probes that a method didn't have. */
import test from 'ava';
import { defaultPolicy } from '../../root/policy.ts';
import { ExtraWork } from '../../root/replicas/budget.ts';
import { MethodTail } from '../../root/replicas/method-tail.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { tailFamilies } from '../../shared/metrics/root-tail.ts';
import { searchPlan } from '../kit/cluster.ts';

function setUp(name: string) {
  const clock = { now: () => 0, setTimer: () => ({ cancel() {} }) };
  const method = searchPlan.methods.find((one) => one.name === name)!;
  const budget = new ExtraWork({ ratio: 0.1, hedges: 0.05, burst: 2 }, clock);
  const pressure = { loopDelay: { p99Ms: 0 }, admission: { inUse: 0, limit: 100 } };
  const metrics = tailFamilies(new MetricRegistry({ nodeMetrics: false })).method(name);
  return new MethodTail(method, defaultPolicy, budget, pressure, metrics);
}

test('requests that come before enough is known, and those with too little time, are counted apart', (t) => {
  const tail = setUp('TopK');
  const counts = (): number[] => Object.values(tail.metrics.requestsNotHedged).map(({ value }) => value);
  t.is(tail.hedgeDelay(0, 1000), 'few_samples');
  t.deepEqual(counts(), [1, 0]);
  for (let i = 0; i < 1000; i++) tail.latency.record(10, 0);
  t.is(tail.hedgeDelay(0, 15), 'no_time');
  t.is(typeof tail.hedgeDelay(0, 1000), 'number');
  t.deepEqual(counts(), [1, 1]);
});

test('what is never hedged anyway is not counted', (t) => {
  const tail = setUp('Count');
  t.is(tail.hedgeDelay(0, 1000), 'not_idempotent');
  t.true(Object.values(tail.metrics.requestsNotHedged).every(({ value }) => value === 0));
});

test('a probe that the budget does not carry is counted', (t) => {
  const tail = setUp('TopK');
  const { mayProbe } = tail.wanted(0);
  t.deepEqual([mayProbe(), mayProbe(), mayProbe(), mayProbe()], [true, true, false, false]);
  t.is(tail.metrics.notProbed.value, 2);
});
