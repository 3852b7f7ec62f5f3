import { Client, credentials } from '@grpc/grpc-js';
import test from 'ava';
import { connect, empty, gate, type Handlers, plan, serve, until } from './kit.ts';

test('draining: what runs ends well, what comes is turned away unstarted, and roots are told', async (t) => {
  const started = gate();
  const ended = gate();
  const { worker, addresses, client, metric } = await serve(t, {
    handlers: {
      TopK: async () => {
        started.open();
        await ended.promise;
        return { total: 1 };
      },
    },
  });
  const kit = await connect(t, addresses.address);
  const running = kit.call('TopK', {}, [0]);
  const runningPlain = client.call('TopK');
  await started.promise;
  await until(async () => (await metric('regather_worker_tasks_in_flight')) === 2, 'both run');
  const drained = worker.drain();
  t.is(worker.state, 'draining');
  await until(() => kit.states.some((state) => state.kind === 'ready' && state.draining), 'the root is told');
  const late = await kit.call('TopK', {}, [0]);
  t.like(late.end.failures[0], { code: 14, notStarted: true, pushbackMs: 0 });
  t.is(late.end.inFlight, 2, 'tasks, not the calls of its link');
  t.like(await client.call('TopK'), { code: 14, details: 'The worker is draining' });
  t.is(await metric('regather_worker_tasks_not_started_total', { method: 'TopK', reason: 'draining' }), 2);
  t.is(await health(addresses.address), 2);
  ended.open();
  t.deepEqual((await running).end.failures, []);
  t.is((await runningPlain).code, 0);
  await drained;
  t.like(worker.lifecycle.life, { state: 'draining', drained: true });
  t.true(await worker.lifecycle.undrain());
  t.is(await health(addresses.address), 1);
  t.deepEqual((await kit.call('TopK', {}, [0])).end.failures, []);
  t.is((await client.call('TopK')).code, 0);
});

/** grpc.health.v1: 1 is SERVING, 2 NOT_SERVING. */
function health(address: string): Promise<number> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const request = Buffer.concat([Buffer.from([0x0a, plan.name.length]), Buffer.from(plan.name)]);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (b: Buffer) => b,
      (b: Buffer) => b,
      request,
      (error, answer) => {
        client.close();
        if (error === null) resolve(answer?.[1] ?? 0);
        else reject(error);
      },
    );
  });
}

test('on the way down: drain, save while the shards are open, close them, stop', async (t) => {
  const order: string[] = [];
  const note = (what: string) => () => {
    order.push(what);
  };
  const { worker, lines } = await serve(t, {
    shards: [0, 1],
    hooks: { onReady: note('ready'), onDrain: note('drain'), onSave: note('save'), onStop: note('stop') },
    handlers: (shard) =>
      ({
        ...empty,
        close: () => {
          order.push(`close ${shard.index}`);
          if (shard.index === 0) throw new Error('disk full');
        },
      }) as unknown as Handlers,
  });
  await Promise.all([worker.stop(), worker.stop()]);
  t.deepEqual(order, ['ready', 'drain', 'save', 'close 0', 'close 1', 'stop']);
  t.true(lines.some(({ message, shard }) => message === 'A shard failed to close' && shard === 0));
});

test('a drain limit that passes cuts off what runs, and says so', async (t) => {
  const started = gate();
  const { worker, client, lines } = await serve(t, {
    drainLimitMs: 30,
    handlers: {
      TopK: () => {
        started.open();
        return new Promise(() => {});
      },
    },
  });
  const answer = client.call('TopK');
  await started.promise;
  await worker.stop();
  t.not((await answer).code, 0);
  t.true(lines.some(({ message, hook }) => message === 'A lifecycle hook failed' && hook === 'calls'));
  t.is(worker.lifecycle.failures.length, 1);
});

/**
 * A root that hears of the draining a moment after it has sent a call loses that call with the link, if the worker closes the link as
 * soon as nothing runs. It can't tell whether the call has started, so a call that isn't idempotent fails.
 */
test('a worker that stops under load loses no call: each is answered, or was not started', async (t) => {
  const { worker, addresses } = await serve(t, { handlers: { TopK: async () => ({ total: 1 }) } });
  const kit = await connect(t, addresses.address);
  let answered = 0;
  let refused = 0;
  let lost = 0;
  const isDraining = () =>
    kit.states.some((state) => state.kind !== 'connecting' && !(state.kind === 'ready' && !state.draining));
  const lane = async (): Promise<void> => {
    for (let i = 0; i < 100_000 && !isDraining(); i++) {
      const { parts, end } = await kit.call('TopK', {}, [0]);
      if (parts.length === 1) answered += 1;
      else if (end.failures[0]?.notStarted === true) refused += 1;
      else lost += 1;
    }
  };
  const lanes = Array.from({ length: 16 }, lane);
  await until(() => answered > 200, 'load');
  await Promise.all([worker.stop(), ...lanes]);
  t.is(lost, 0, `${answered} answered, ${refused} refused`);
});
