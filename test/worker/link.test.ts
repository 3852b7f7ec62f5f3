import test from 'ava';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';
import { helloOf, leafCall, seen } from '../link/memory.ts';
import { RawRoot } from '../link/raw-root.ts';
import { connect, gate, type Handlers, plan, serve, until } from './kit.ts';

const three: Handlers = {
  TopK: (_request: object, call) => ({
    hits: [{ id: `s${call.shard}`, score: call.shard, title: '' }],
    total: 1,
    weight: 0.5,
    best: call.shard,
    seen: [`shard ${call.shard}`],
  }),
};

test('the shards of a leaf call come back as one part, free fields merged, ordered ones in segments', async (t) => {
  const { addresses, metric } = await serve(t, { shards: [1, 2, 3], shardCount: 4, handlers: three });
  const { call } = await connect(t, addresses.address);
  const { parts, end } = await call('TopK', { text: 'x' }, [1, 2, 3]);
  t.is(parts.length, 1);
  t.deepEqual(parts[0]?.shards, [1, 2, 3]);
  t.is(parts[0]?.segmentBytes.length, 3);
  t.like(parts[0]?.response, { total: '3', best: '3', seen: ['shard 1', 'shard 2', 'shard 3'] });
  t.like(end, { failures: [], inFlight: 0 });
  t.is(await metric('regather_worker_combines_total', { outcome: 'combined' }), 1);
});

test('combine: auto, the default, combines what is many or large, and lets few small partials travel apart', async (t) => {
  const large = 'x'.repeat(2048);
  const { addresses, metric } = await serve(t, {
    combine: 'auto',
    shards: [0, 1, 2, 3],
    handlers: { TopK: ({ text }: { text: string }) => ({ seen: [text === 'large' ? large : 'small'] }) },
  });
  const { call } = await connect(t, addresses.address);
  const shardsOf = async (text: string, shards: number[]): Promise<unknown> =>
    (await call('TopK', { text }, shards)).parts.map((part) => part.shards);
  t.deepEqual(await shardsOf('small', [0, 1, 2]), [[0], [1], [2]]);
  t.deepEqual(await shardsOf('small', [0, 1, 2, 3]), [[0, 1, 2, 3]]);
  t.deepEqual(await shardsOf('large', [0, 1]), [[0, 1]]);
  t.is(await metric('regather_worker_combines_total', { outcome: 'combined' }), 2);
});

test('combine: never sends a part per shard, and so does what would lose something combined', async (t) => {
  const apart = await serve(t, { shards: [0, 1], combine: 'never', handlers: three });
  const one = await (await connect(t, apart.addresses.address)).call('TopK', {}, [0, 1]);
  t.deepEqual(
    one.parts.map(({ shards }) => shards),
    [[0], [1]],
  );
  // The sum of these two doesn't fit an int64, though the answer of all shards may.
  const overflowing = await serve(t, {
    shards: [0, 1],
    handlers: { TopK: () => ({ total: '9223372036854775807' }) },
  });
  const two = await (await connect(t, overflowing.addresses.address)).call('TopK', {}, [0, 1]);
  t.deepEqual(
    two.parts.map(({ shards }) => shards),
    [[0], [1]],
  );
  t.deepEqual(two.end.failures, []);
});

test('a partial that does not decode travels apart, so that the others are not lost with it', async (t) => {
  const { addresses, metric } = await serve(t, {
    shards: [0, 1, 2],
    handlers: {
      TopK: (_request: object, { shard }) => (shard === 1 ? Buffer.from([0x0a, 0x05]) : { total: 1 }),
    },
  });
  const { link } = await connect(t, addresses.address);
  const parts: (readonly number[])[] = [];
  await new Promise<void>((resolve) => {
    link.run(
      {
        method: 'TopK',
        payload: new Uint8Array(0),
        tasks: [{ shard: 0 }, { shard: 1 }, { shard: 2 }],
        streaming: false,
        deadline: performance.now() + 5000,
        flushAfterMs: 0,
        priority: 0,
        epoch: 1,
        metadata: [],
        maxPartBytes: 1000,
      },
      { part: (shards) => parts.push(shards), end: () => resolve() },
    );
  });
  t.deepEqual(parts, [[0], [1], [2]]);
  t.is(await metric('regather_worker_combines_total', { outcome: 'malformed' }), 1);
});

test('each task has its own status: what was thrown, too large, or not served', async (t) => {
  const { addresses } = await serve(t, {
    shards: [0, 1, 2, 3],
    handlers: {
      TopK: (_request: object, { shard }) => {
        if (shard === 1)
          throw Object.assign(new Error('no index'), { code: 9, details: Buffer.from([8, 9]) });
        if (shard === 2) return { seen: ['x'.repeat(2000)] };
        return { total: 1 };
      },
    },
  });
  const { call } = await connect(t, addresses.address);
  const { parts, end } = await call('TopK', {}, [0, 1, 2, 3, 7], { maxPartBytes: 1000 });
  t.deepEqual(
    parts.map(({ shards }) => shards),
    [[0, 3]],
  );
  const failures = [...end.failures].sort((a, b) => a.shard - b.shard);
  t.deepEqual(
    failures.map(({ shard, code, notStarted }) => ({ shard, code, notStarted })),
    [
      { shard: 1, code: 9, notStarted: false },
      { shard: 2, code: 8, notStarted: false },
      { shard: 7, code: 9, notStarted: true },
    ],
  );
  t.deepEqual(Buffer.from(failures[0]!.details!), Buffer.from([8, 9]));
  t.regex(failures[1]!.message, /TopK \(shard 2\) to be at most 1000 bytes \(max_answer_bytes\), got 200\d/);
  t.is(failures[2]!.message, "The worker doesn't serve shard 7");
});

test('parts that together are above the bound travel apart', async (t) => {
  const { addresses } = await serve(t, {
    shards: [0, 1],
    handlers: { TopK: () => ({ seen: ['x'.repeat(700)] }) },
  });
  const { call } = await connect(t, addresses.address);
  const { parts, end } = await call('TopK', {}, [0, 1], { maxPartBytes: 1000 });
  t.deepEqual(
    parts.map(({ shards }) => shards),
    [[0], [1]],
  );
  t.deepEqual(end.failures, []);
});

test('after flush_after what is ready is sent as one part, and the rest as it comes', async (t) => {
  const { promise, open } = gate();
  const { addresses } = await serve(t, {
    shards: [0, 1, 2],
    handlers: {
      TopK: async (_request: object, { shard }) => {
        if (shard === 1) await promise;
        return { total: 1 };
      },
    },
  });
  const { begin } = await connect(t, addresses.address);
  // Only the part can open the gate: without the flush this would wait for ever.
  const { answer } = begin('TopK', {}, [0, 1, 2], { flushAfterMs: 20 }, () => open());
  const { parts, end } = await answer;
  t.deepEqual(
    parts.map(({ shards }) => shards),
    [[0, 2], [1]],
  );
  t.deepEqual(end.failures, []);
});

test('a call that is done before flush_after is one part', async (t) => {
  const { addresses } = await serve(t, { shards: [0, 1], handlers: { TopK: async () => ({ total: 1 }) } });
  const { call } = await connect(t, addresses.address);
  const { parts } = await call('TopK', {}, [0, 1], { flushAfterMs: 5000 });
  t.deepEqual(
    parts.map(({ shards }) => shards),
    [[0, 1]],
  );
});

test('a Cancel stops what runs, and what waits never starts; the counters prove it', async (t) => {
  const started = gate();
  const ended = gate();
  let aborted = false;
  const { addresses, metric } = await serve(t, {
    shards: [0, 1, 2],
    concurrency: 1,
    handlers: {
      TopK: async (_request: object, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        started.open();
        await ended.promise;
        return {};
      },
    },
  });
  const { begin } = await connect(t, addresses.address);
  const { handle, answer } = begin('TopK', {}, [0, 1, 2]);
  await started.promise;
  handle.cancel();
  const { parts, end } = await answer;
  t.deepEqual(parts, []);
  t.true(end.failures.every(({ code }) => code === 1));
  await until(() => aborted, 'abort');
  ended.open();
  await until(async () => (await metric('regather_worker_tasks_in_flight')) === 0, 'the slot is free');
  t.is(await metric('regather_worker_tasks_started_total'), 1);
  t.is(await metric('regather_worker_tasks_not_started_total', { reason: 'cancelled' }), 2);
  t.is(await metric('regather_worker_tasks_aborted_total'), 1);
});

test('a link that is lost stops its calls', async (t) => {
  const started = gate();
  const aborted = gate();
  const { addresses, metric } = await serve(t, {
    handlers: {
      TopK: (_request: object, { signal }) => {
        signal.addEventListener('abort', () => aborted.open());
        started.open();
        return new Promise(() => {});
      },
    },
  });
  const { begin, link } = await connect(t, addresses.address);
  begin('TopK', {}, [0]);
  await started.promise;
  link.close();
  await aborted.promise;
  t.is(await metric('regather_worker_tasks_aborted_total'), 1);
});

test('the deadline ends a leaf call at the worker itself: running work is aborted, waiting work never starts', async (t) => {
  const ended = gate();
  const { addresses, metric } = await serve(t, {
    shards: [0, 1],
    concurrency: 1,
    handlers: {
      TopK: async () => {
        await ended.promise;
        return {};
      },
    },
  });
  const { call } = await connect(t, addresses.address);
  const { end } = await call('TopK', {}, [0, 1], { deadline: performance.now() + 150 });
  t.deepEqual(
    [...end.failures].sort((a, b) => a.shard - b.shard).map(({ code, notStarted }) => ({ code, notStarted })),
    [
      { code: 4, notStarted: false },
      { code: 4, notStarted: true },
    ],
  );
  ended.open();
  t.is(await metric('regather_worker_tasks_started_total'), 1);
  t.is(await metric('regather_worker_tasks_not_started_total', { reason: 'expired' }), 1);
});

test('a full queue refuses the tasks that do not fit, not started, with advice when to come back', async (t) => {
  const ended = gate();
  const { addresses } = await serve(t, {
    shards: [0, 1, 2, 3],
    concurrency: 1,
    queue: 2,
    handlers: {
      TopK: async () => {
        await ended.promise;
        return { total: 1 };
      },
    },
  });
  const { begin } = await connect(t, addresses.address);
  const { answer } = begin('TopK', {}, [0, 1, 2, 3]);
  ended.open();
  const { parts, end } = await answer;
  t.deepEqual(
    parts.map(({ shards }) => shards),
    [[0, 1, 2]],
  );
  t.like(end.failures[0], { shard: 3, code: 8, notStarted: true });
  t.true(end.failures[0]!.pushbackMs > 0);
});

test('one busy root does not stand in front of another: they take turns', async (t) => {
  const order: string[] = [];
  const begun = gate();
  const first = gate();
  const { addresses, metric } = await serve(t, {
    concurrency: 1,
    handlers: {
      TopK: async ({ text }: { text: string }) => {
        order.push(text);
        begun.open();
        await first.promise;
        return {};
      },
    },
  });
  const a = await connect(t, addresses.address, 'root-a');
  const b = await connect(t, addresses.address, 'root-b');
  const calls = [1, 2, 3, 4, 5].map((i) => a.call('TopK', { text: `a${i}` }, [0]));
  await begun.promise;
  await until(async () => (await metric('regather_worker_queue_depth')) === 4, 'the calls of a wait');
  calls.push(b.call('TopK', { text: 'b1' }, [0]), b.call('TopK', { text: 'high' }, [0], { priority: 1 }));
  await until(async () => (await metric('regather_worker_queue_depth')) === 6, 'all wait');
  first.open();
  await Promise.all(calls);
  t.deepEqual(order.slice(0, 2), ['a1', 'high']);
  t.true(order.indexOf('b1') <= 3, order.join(' '));
});

/** A root that doesn't keep to what Hello says was turned away with no word of when to come back, and in no metric. */
test('calls above what a link may have are turned away as tasks above what the queue may: with a pushback, the load, and counted', async (t) => {
  const { promise, open } = gate();
  t.teardown(open);
  const { addresses, metric } = await serve(t, {
    maxCalls: 1,
    concurrency: 1,
    shards: [0, 1, 2],
    handlers: { TopK: () => promise.then(() => ({})) },
  });
  const root = new RawRoot(addresses.address);
  t.teardown(() => root.close());
  root.frames.hello(helloOf('raw', { service: plan.name }));
  for (const id of [1, 2]) {
    root.frames.call(id, leafCall([0, 1, 2], { payload: Buffer.alloc(0) }), 1000, 1_000_000);
  }
  root.say();
  await until(
    () => root.messages.some((message) => seen([message]).some(([kind]) => kind === 'end')),
    'an End',
  );
  const [, id, statuses, inFlight] = seen(root.messages).find(([kind]) => kind === 'end')!;
  t.deepEqual([id, inFlight], [2, 3]);
  for (const status of statuses as TaskFailure[]) {
    t.like(status, { code: 8, notStarted: true, message: 'The worker takes 1 calls at once on a link' });
    t.true(status.pushbackMs >= 1);
  }
  t.is(await metric('regather_worker_tasks_not_started_total', { method: 'TopK', reason: 'calls_full' }), 3);
});

test('a SPLIT task has its own request, a call its metadata', async (t) => {
  let seen: unknown;
  const { addresses } = await serve(t, {
    shards: [0, 1],
    handlers: {
      GetMany: ({ ids }: { ids: string[] }, { shard, metadata }) => {
        seen = metadata;
        return { documents: ids.map((id) => ({ id, shard })) };
      },
    },
  });
  const { call } = await connect(t, addresses.address);
  const { codecs } = await import('./kit.ts');
  const request = (ids: string[]) => codecs.get('GetMany')!.encodeRequest({ ids });
  const { parts, end } = await call('GetMany', {}, [0, 1], {
    tasks: [
      { shard: 0, payload: request(['a']) },
      { shard: 1, payload: request(['b', 'c']) },
    ],
    metadata: [['x-user', 'ann']],
  });
  t.deepEqual(end.failures, []);
  const documents = parts.flatMap(({ response }) => response.documents as { id: string; shard: number }[]);
  t.deepEqual(documents.map(({ id, shard }) => `${id}@${shard}`).sort(), ['a@0', 'b@1', 'c@1']);
  t.deepEqual(seen, [['x-user', 'ann']]);
});

test('handlers of one call cannot see what the others do to their request', async (t) => {
  const { addresses } = await serve(t, {
    shards: [0, 1],
    handlers: {
      TopK: (request: { text: string }) => {
        const { text } = request;
        request.text = 'changed';
        return { seen: [text] };
      },
    },
  });
  const { call } = await connect(t, addresses.address);
  const { parts } = await call('TopK', { text: 'mine' }, [0, 1]);
  t.deepEqual(
    parts.flatMap(({ response }) => response.seen),
    ['mine', 'mine'],
  );
});
