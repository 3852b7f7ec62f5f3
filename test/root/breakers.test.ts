/** What is told of breakers whose worker has moved or left the topology. */
import test from 'ava';
import { defaultPolicy } from '../../root/policy.ts';
import { Breakers } from '../../root/replicas/breakers.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

function setUp() {
  const clock = new VirtualClock();
  const registry = new MetricRegistry({ nodeMetrics: false });
  const metrics = createRootMetrics(registry);
  const { breaker, ejection } = defaultPolicy;
  const breakers = new Breakers({
    breaker,
    ejection: { ...ejection, enabled: false },
    clock,
    log: createLogger({ level: 'silent' }),
    metrics,
    onChange() {},
    replicas: () => [],
  });
  const lines = async (): Promise<string[]> =>
    (await registry.text()).split('\n').filter((line) => line.includes('worker="w"'));
  return { clock, metrics, breakers, lines };
}

/** The gauge went on saying "open" until the new breaker changed. */
test('the breaker of a worker at a new address is closed, and is said to be', async (t) => {
  const { breakers, lines } = setUp();
  const old = breakers.ofWorker('w', [0]);
  old.trip({ reason: 'by the test' });
  const state = async () => (await lines()).find((line) => line.startsWith('regather_root_breaker_state'));
  t.regex((await state())!, / 2$/);
  const now = breakers.ofWorker('w', [0]);
  t.is(now.state, 'closed');
  t.regex((await state())!, / 0$/);
  for (const breaker of [old, now]) breaker.close();
  breakers.close();
});

/** It brought the series of all that is counted of a worker back, for as long as the root ran. */
test('a probe that ends after its worker has left the topology is not counted', async (t) => {
  const { clock, metrics, breakers, lines } = setUp();
  const breaker = breakers.ofWorker('w', [0]);
  breaker.trip({ reason: 'by the test' });
  clock.advance(10_000);
  const probe = {};
  breaker.begin(probe, clock.now() + 1000);
  breakers.forgetWorker('w');
  metrics.forgetWorker('w');
  breaker.success(probe, 1);
  breaker.close();
  breakers.close();
  t.deepEqual(await lines(), []);
});
