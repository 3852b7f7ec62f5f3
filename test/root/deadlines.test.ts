/**
 * G1: the status is handed over by the deadline, whatever the shards do. The root's time is the test's own, so that what is asserted is the
 * root's doing and not the machine's; the client has no timer, and what doesn't speak are real processes and sockets. How late
 * statuses are under load is measured by the benchmarks, from the same metric.
 */
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { Root } from '../../root/root.ts';
import { forkWorker, startRoot, startWorker } from '../kit/cluster.ts';
import { UntimedClient } from '../kit/untimed-client.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';
import { until } from '../worker/kit.ts';

/** So long that no real timer plays a part. */
const TIMEOUT_MS = 600_000;
const SHARDS = { shards: [0, 1], shardCount: 2 };
/** Nothing but the deadline ends a wait: links keep the root's time as well, and the workers' silence is longer than all of a test. */
const PATIENT = { silenceMs: 10 * TIMEOUT_MS, policy: { breaker: { minCalls: 1_000_000 } } } as const;

interface Worker {
  readonly id: string;
  readonly address: string;
  readonly shards: readonly number[];
}

interface Timed {
  readonly clock: VirtualClock;
  readonly root: Root;
  readonly client: UntimedClient;
  overshoot(): Promise<{ readonly count: number; readonly inTime: number }>;
}

async function timed(t: ExecutionContext, workers: readonly Worker[], options: object): Promise<Timed> {
  const clock = new VirtualClock();
  const { root, address, admin } = await startRoot(t, workers, {
    ...PATIENT,
    ...options,
    clock,
    admin: '127.0.0.1:0',
    ready: false,
  });
  return {
    clock,
    root,
    client: new UntimedClient(t, address),
    async overshoot() {
      const response = await fetch(`http://${admin}/metrics`, { headers: { accept: 'application/json' } });
      const { metrics } = (await response.json()) as { metrics: { name: string; samples: Sample[] }[] };
      const { samples } = metrics.find(({ name }) => name === 'regather_root_deadline_overshoot_seconds')!;
      const sum = (fits: (sample: Sample) => boolean) =>
        samples.filter(fits).reduce((total, { value }) => total + value, 0);
      return {
        count: sum(({ name }) => name.endsWith('_count')),
        inTime: sum(({ labels }) => labels.le === '0'),
      };
    },
  };
}

interface Sample {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

const inFlight = (root: Root) => (root.status() as { inFlight: number }).inFlight;

/** The status comes when the root's time is up, and not before. */
async function endsOnTime(t: ExecutionContext, { clock, root, client, overshoot }: Timed, request: object) {
  for (const method of ['TopK', 'Some', 'Count']) {
    let ended = false;
    const answer = client.call(method, request, TIMEOUT_MS).then((status) => {
      ended = true;
      return status;
    });
    await until(() => inFlight(root) === 1 || ended, 'the request is taken');
    clock.advance(TIMEOUT_MS - 5_000);
    await new Promise(setImmediate);
    t.false(ended, `${method} ended before its time`);
    clock.advance(5_000);
    const { code, message } = await answer;
    t.is(code, status.DEADLINE_EXCEEDED, message);
    t.regex(message, /0 of 2 shards answered.*timeout: no answer within \d+ ms/);
  }
  t.deepEqual(await overshoot(), { count: 3, inTime: 3 });
  t.is(inFlight(root), 0);
}

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test(`G1: handlers that hang, ${how}`, async (t) => {
    const worker = await startWorker(t, 'w', SHARDS);
    const world = await timed(t, [worker], { links });
    await until(() => world.root.state === 'ready', 'the root is ready');
    await endsOnTime(t, world, { fault: 'hang@*' });
  });

  test(`G1: a worker that has stopped and keeps its connections, ${how}`, async (t) => {
    const worker = await forkWorker(t, 'w', SHARDS);
    const world = await timed(t, [worker], { links });
    await until(() => world.root.state === 'ready', 'the root is ready');
    worker.process!.kill('SIGSTOP');
    await endsOnTime(t, world, {});
  });
}

test("links keep their root's time: a stopped worker is lost when it has been silent for so long by that", async (t) => {
  const worker = await forkWorker(t, 'w', SHARDS);
  const { clock, root, client } = await timed(t, [worker], { silenceMs: TIMEOUT_MS / 2 });
  await until(() => root.state === 'ready', 'the root is ready');
  worker.process!.kill('SIGSTOP');
  let ended = false;
  const answer = client.call('TopK', {}, TIMEOUT_MS).then((status) => {
    ended = true;
    return status;
  });
  await until(() => inFlight(root) === 1, 'the request is taken');
  clock.advance(TIMEOUT_MS / 2 - 1);
  await new Promise(setImmediate);
  t.false(ended);
  clock.advance(1);
  const { code, message } = await answer;
  t.is(code, status.UNAVAILABLE, message);
});

test('G1: a socket that accepts and never speaks, over plain gRPC', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => {}));
  t.teardown(() => silent.close());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const world = await timed(t, [{ id: 'w', address: `127.0.0.1:${port}`, shards: [0, 1] }], {
    links: false,
    connectTimeoutMs: 600_000,
  });
  await endsOnTime(t, world, {});
});

test('G1: what leaves less time than the reserve fails at once', async (t) => {
  const worker = await startWorker(t, 'w', SHARDS);
  const { client } = await timed(t, [worker], {});
  const { code, message } = await client.call('TopK', {}, 1);
  t.is(code, status.DEADLINE_EXCEEDED);
  t.regex(message, /the deadline left [\d.]+ ms, less than it takes to merge an answer/);
});
