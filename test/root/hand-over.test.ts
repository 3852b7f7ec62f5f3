/**
 * A topology that names other workers was used at once, before they were connected to: every request of the next few milliseconds
 * failed UNAVAILABLE ("w1 is connecting"), though the workers of the topology before were up and ready to answer.
 */
import test from 'ava';
import { createRoot } from '../../root/root.ts';
import type { Topology, TopologyProvider } from '../../root/topology/topology.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { isReady, type RunningWorker, SearchClient, searchPlan, startWorker } from '../kit/cluster.ts';

interface Given extends TopologyProvider {
  give(workers: readonly { id: string; address: string }[]): void;
}

/** A topology that tests change. Every worker has both shards. */
function given(first: RunningWorker): Given {
  let on: ((topology: Topology) => void) | undefined;
  let epoch = 0;
  return {
    async start(told) {
      on = told;
      this.give([first]);
    },
    stop() {},
    give(workers) {
      on!({
        epoch: ++epoch,
        shardCount: 2,
        virtualShards: 4096,
        workers: workers.map(({ id, address }) => ({ id, address, shards: [0, 1], weight: 1 })),
      });
    },
  };
}

const both = { shards: [0, 1], shardCount: 2 };

for (const links of [true, false]) {
  test(`a topology of other workers costs no answer, ${links ? 'over links' : 'over plain gRPC'}`, async (t) => {
    const [a, b] = await Promise.all([startWorker(t, 'a', both), startWorker(t, 'b', both)]);
    const topology = given(a);
    const log = createLogger({ level: 'error' });
    const root = createRoot({
      plan: searchPlan,
      topology,
      listen: '127.0.0.1:0',
      signals: false,
      links,
      log,
    });
    t.teardown(() => root.stop());
    const { address } = await root.start();
    await isReady(root);
    const client = new SearchClient(address);
    t.teardown(() => client.close());
    // Another worker; the same id at another address; back again before the one before was ever used.
    const changes = [
      () => topology.give([b]),
      () => topology.give([{ id: 'b', address: a.address }]),
      () => {
        topology.give([b]);
        topology.give([a]);
      },
    ];
    let epochs = new Set<string>();
    for (const change of changes) {
      change();
      epochs = new Set();
      for (let i = 0; i < 40; i++) {
        const answers = await Promise.all([1, 2, 3].map(() => client.call('TopK', { text: 'x' })));
        for (const { code, details, coverage } of answers) {
          t.is(code, 0, details);
          epochs.add(coverage!.epoch);
        }
      }
    }
    t.true(epochs.has('5'), [...epochs].join());
  });
}

test('a topology whose workers cannot be reached is used all the same, after the time to connect', async (t) => {
  const a = await startWorker(t, 'a', both);
  const topology = given(a);
  const log = createLogger({ level: 'silent' });
  const options = { topology, listen: '127.0.0.1:0', signals: false, connectTimeoutMs: 100, log };
  const root = createRoot({ plan: searchPlan, ...options });
  t.teardown(() => root.stop());
  const { address } = await root.start();
  await isReady(root);
  const client = new SearchClient(address);
  t.teardown(() => client.close());
  topology.give([{ id: 'gone', address: '127.0.0.1:1' }]);
  t.is((await client.call('TopK', { text: 'x' })).code, 0);
  for (;;) {
    const { code, details, coverage } = await client.call('TopK', { text: 'x' });
    if (code === 0) continue;
    t.is(code, 14);
    t.regex(details, /gone/);
    t.is(coverage!.epoch, '2');
    break;
  }
});
