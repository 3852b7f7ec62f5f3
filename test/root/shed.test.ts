/** Priorities and shedding as clients and workers see them, over real sockets. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { RootOptions } from '../../root/root.ts';
import type { Call } from '../../shard/handlers.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { type Answer, type RunningRoot, startRoot } from '../kit/cluster.ts';
import { gate, type Handlers, type Served, serve, until } from '../worker/kit.ts';

interface Held extends RunningRoot {
  readonly worker: Served;
  /** Texts of the requests that handlers began with, in order. */
  readonly begun: string[];
  readonly open: () => void;
  call(text: string, priority?: number | string): Promise<Answer>;
}

/** One worker of one slot, whose first task holds it until `open`. */
async function held(t: ExecutionContext, options: Partial<RootOptions> = {}): Promise<Held> {
  const begun: string[] = [];
  const { promise, open } = gate();
  const worker = await serve(t, {
    concurrency: 1,
    handlers: {
      async TopK(request) {
        begun.push((request as { text: string }).text);
        await promise;
        return {};
      },
    },
  });
  const { address } = worker.addresses;
  const root = await startRoot(t, [{ id: 'w', address, shards: [0] }], options);
  return {
    ...root,
    worker,
    begun,
    open,
    call: (text, priority) =>
      root.client.call(
        'TopK',
        { text },
        priority === undefined ? {} : { metadata: { 'regather-priority': String(priority) } },
      ),
  };
}

interface RootStatus {
  readonly admission: {
    readonly limit: number;
    readonly inUse: number;
    readonly waiting: number;
    readonly waitingBytes: number;
  };
}

const admissionOf = ({ root }: Held) => (root.status() as RootStatus).admission;
const waitingAt = ({ worker }: Held) =>
  (worker.worker.status() as { tasks: { waiting: number } }).tasks.waiting;

for (const links of [true, false]) {
  test(`a client's priority counts at workers, ${links ? 'over links' : 'over plain gRPC'}`, async (t) => {
    const cluster = await held(t, { links });
    const answers = [cluster.call('first')];
    await until(() => cluster.begun.length === 1, 'the first task begins');
    for (const [text, priority] of [
      ['low', -1],
      ['normal', undefined],
      ['high', 5],
    ] as const) {
      answers.push(cluster.call(text, priority));
    }
    await until(() => waitingAt(cluster) === 3, 'three tasks wait');
    cluster.open();
    for (const { code, details } of await Promise.all(answers)) t.is(code, 0, details);
    t.deepEqual(cluster.begun, ['first', 'high', 'normal', 'low']);
  });
}

test('a priority that is none is refused, at root and worker', async (t) => {
  const cluster = await held(t);
  for (const wrong of ['urgent', '1.5', '2147483648', '']) {
    const answer = await cluster.call('x', wrong);
    t.is(answer.code, status.INVALID_ARGUMENT);
    t.regex(answer.details, /"regather-priority" to be one whole number -2147483648\.\.2147483647, got/);
  }
  const direct = await cluster.worker.client.call('TopK', {}, { metadata: { 'regather-priority': 'x' } });
  t.is(direct.code, status.INVALID_ARGUMENT);
  t.deepEqual(cluster.begun, []);
});

test('beyond the limit requests wait by priority; those turned away hear when to come back', async (t) => {
  const admission = { initial: 1, min: 1, max: 1, queue: 1, maxWaitMs: 60_000 };
  const cluster = await held(t, { policy: { admission } });
  const first = cluster.call('first');
  await until(() => cluster.begun.length === 1, 'the first task begins');
  const low = cluster.call('low', -1);
  await until(() => admissionOf(cluster).waiting === 1, 'the second request waits');
  t.like(admissionOf(cluster), { limit: 1, inUse: 1 });
  const refused = await cluster.call('refused', -1);
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(
    refused.details,
    /the root is overloaded: 1 of 1 leaf calls are under way, 1 requests of 12 bytes wait/,
  );
  t.true(Number(refused.trailer.get('grpc-retry-pushback-ms')[0]) >= 1);
  t.like(refused.coverage, { expected: 1, answered: 0 });
  t.like(refused.coverage?.missing[0], { cause: 'SHED', count: 1, attempts: 0 });
  const high = cluster.call('high', 1);
  t.is((await low).code, status.RESOURCE_EXHAUSTED);
  cluster.open();
  t.deepEqual([(await first).code, (await high).code], [0, 0]);
  t.deepEqual(cluster.begun, ['first', 'high']);
  t.like(admissionOf(cluster), { inUse: 0, waiting: 0 });
});

test('requests that wait keep a quarter of what partials may hold at most', async (t) => {
  const admission = { initial: 1, min: 1, max: 1, maxWaitMs: 60_000 };
  const cluster = await held(t, { policy: { admission }, maxGatherBytes: 8000 });
  const first = cluster.call('first');
  await until(() => cluster.begun.length === 1, 'the first task begins');
  const large = await cluster.call('x'.repeat(1000));
  t.is(large.code, status.RESOURCE_EXHAUSTED);
  t.regex(large.details, /0 requests of 0 bytes wait; this one, of 1 and 2008 bytes, was turned away/);
  const fits = cluster.call('y'.repeat(900));
  await until(() => admissionOf(cluster).waiting === 1, 'the second request waits');
  // The request, and the leaf request that was made of it.
  t.is(admissionOf(cluster).waitingBytes, 1808);
  t.is((await cluster.call('z'.repeat(200))).code, status.RESOURCE_EXHAUSTED);
  cluster.open();
  t.deepEqual([(await first).code, (await fits).code], [0, 0]);
  t.like(admissionOf(cluster), { waiting: 0, waitingBytes: 0 });
});

test('a client that leaves while its request waits takes it along', async (t) => {
  const admission = { initial: 1, min: 1, max: 1, maxWaitMs: 60_000 };
  const cluster = await held(t, { policy: { admission } });
  const first = cluster.call('first');
  await until(() => cluster.begun.length === 1, 'the first task begins');
  let cancel = (): void => {};
  const gone = cluster.client.call('TopK', { text: 'gone' }, { started: (leave) => (cancel = leave) });
  await until(() => admissionOf(cluster).waiting === 1, 'the second request waits');
  cancel();
  t.is((await gone).code, status.CANCELLED);
  await until(() => admissionOf(cluster).waiting === 0, 'it waits no more');
  cluster.open();
  t.is((await first).code, 0);
  t.deepEqual(cluster.begun, ['first']);
});

test("a worker's pushback reaches the client when its task could go nowhere else", async (t) => {
  const begun: string[] = [];
  const { promise, open } = gate();
  const worker = await serve(t, {
    concurrency: 1,
    queue: 0,
    handlers: {
      async TopK(request) {
        begun.push((request as { text: string }).text);
        await promise;
        return {};
      },
    },
  });
  const { client } = await startRoot(t, [{ id: 'w', address: worker.addresses.address, shards: [0] }]);
  const first = client.call('TopK', { text: 'first' });
  await until(() => begun.length === 1, 'the first task begins');
  const refused = await client.call('TopK', { text: 'second' });
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(refused.details, /shed: The worker's 1 slots and its queue of 0 are full/);
  t.true(Number(refused.trailer.get('grpc-retry-pushback-ms')[0]) >= 1);
  open();
  t.is((await first).code, 0);
});

/** With the other shards' tasks running on, a cluster at twice its load did a quarter of what it could: most of its work was for answers that had failed. */
test('when a worker turns a task away, what the others do for that answer stops at once', async (t) => {
  const busy = await serve(t, { shards: [0], shardCount: 2, concurrency: 1, queue: 0, handlers: holding() });
  const slow = await serve(t, { shards: [1], shardCount: 2, handlers: holding() });
  const { client, root } = await startRoot(t, [
    { id: 'busy', address: busy.addresses.address, shards: [0] },
    { id: 'slow', address: slow.addresses.address, shards: [1] },
  ]);
  let leave = (): void => {};
  const first = client.call('Get', { id: keyOf(0) }, { started: (cancel) => (leave = cancel) });
  await until(() => running(busy) === 1, 'the slot is taken');
  const answer = await client.call('TopK', { text: 'x' });
  t.is(answer.code, status.RESOURCE_EXHAUSTED, answer.details);
  t.regex(answer.details, /0 of 2 shards answered; missing 0-1: shard 0: shed: /);
  t.deepEqual(answer.coverage?.missing.map(({ cause, detail }) => [cause, detail])[1], [
    'CANCELLED',
    'given up, because another shard turned its task away',
  ]);
  await until(() => running(slow) === 0, 'the other task is stopped');
  leave();
  await first;
  await until(() => (root.status() as RootStatus).admission.inUse === 0, 'nothing is under way');
});

const running = ({ worker }: Served) => (worker.status() as { tasks: { running: number } }).tasks.running;

/** Handlers that end when they are told to. */
function holding(): Handlers {
  const hold = (_request: unknown, { signal }: Call) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
  return { TopK: hold, Get: hold };
}

/** A key that goes to that shard of two. */
function keyOf(shard: number): string {
  for (let i = 0; ; i++) {
    if (shardOf(`${i}`, 2) === shard) return `${i}`;
  }
}
