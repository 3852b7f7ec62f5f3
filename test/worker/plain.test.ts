import { once } from 'node:events';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import test from 'ava';
import type { Call } from '../../shard/handlers.ts';
import { connect, gate, serve, until } from './kit.ts';

test('a unary call reaches the handler of its shard with request, metadata and the time left', async (t) => {
  let seen: Call | undefined;
  let left = 0;
  const { client } = await serve(t, {
    handlers: {
      Get: (request: { id: string }, call) => {
        seen = call;
        left = call.deadlineMs;
        return { id: request.id, shard: call.shard, body: 'found' };
      },
    },
  });
  const answer = await client.call(
    'Get',
    { id: 'a7' },
    { timeoutMs: 5000, metadata: { 'x-trace': '1', 'regather-leaf': '1' } },
  );
  t.like(answer.response, { id: 'a7', shard: 0, body: 'found' });
  t.true(left > 0 && left <= 5000);
  t.true(seen!.metadata.some(([key, value]) => key === 'x-trace' && value === '1'));
  t.false(seen!.metadata.some(([key]) => key.startsWith('regather-')));
  t.false(seen!.signal.aborted);
});

test('several shards: regather-shard names one, and without it nothing is guessed', async (t) => {
  const { client, metric } = await serve(t, {
    shards: [2, 5],
    shardCount: 8,
    handlers: (shard) => ({ Get: () => ({ shard: shard.index }) }),
  });
  t.like((await client.call('Get', {}, { shard: 5 })).response, { shard: 5 });
  t.like((await client.call('Get', {}, { shard: 2 })).response, { shard: 2 });
  t.like(await client.call('Get'), {
    code: 9,
    details: 'Expected metadata "regather-shard" to name one of the 2 shards served here, got none',
  });
  t.like(await client.call('Get', {}, { shard: 3 }), {
    code: 9,
    details: "The worker doesn't serve shard 3",
  });
  for (const shard of ['x', '-1', '', '1.5', '2, 5']) {
    const { code, details } = await client.call('Get', {}, { shard });
    t.is(code, 3, shard);
    t.regex(details, /regather-shard/);
  }
  t.is(await metric('regather_worker_tasks_not_started_total', { reason: 'not_served' }), 7);
});

test('bytes that are no request are INVALID_ARGUMENT and never reach the handler', async (t) => {
  const { client } = await serve(t, { handlers: { Get: () => t.fail() as unknown as object } });
  const { code, details } = await client.call('Get', Buffer.from([0x0a, 0x7f, 0x01]));
  t.is(code, 3);
  t.regex(details, /the request of Get/);
  t.regex(details, /GetRequest\.id/);
});

test('a handler that returns the wrong type is INTERNAL, named with method, shard and field', async (t) => {
  const wrong: Record<string, unknown> = {
    text: { total: 'many' },
    bigint: { total: 5n },
    list: { hits: 'none' },
    deep: { hits: [{ id: 'a' }, { id: 7 }] },
    fraction: { total: 1.5 },
    nothing: undefined,
  };
  const { client, lines } = await serve(t, {
    handlers: { TopK: (request: { text: string }) => wrong[request.text] },
  });
  const told: Record<string, string> = {};
  for (const text of Object.keys(wrong)) {
    const { code, details } = await client.call('TopK', { text });
    t.is(code, 13, text);
    told[text] = details;
  }
  t.deepEqual(told, {
    text: 'The handler of TopK (shard 0) returned "many" for acme.search.v1.TopKResponse.total (int64), expected a safe whole number, or a string of digits',
    bigint:
      'The handler of TopK (shard 0) returned the bigint 5n for acme.search.v1.TopKResponse.total (int64), expected a safe whole number, or a string of digits',
    list: 'The handler of TopK (shard 0) returned "none" for acme.search.v1.TopKResponse.hits (message), expected an array',
    deep: 'The handler of TopK (shard 0) returned 7 for acme.search.v1.Hit.id (string), expected a string',
    fraction:
      'The handler of TopK (shard 0) returned 1.5 for acme.search.v1.TopKResponse.total (int64), expected a safe whole number, or a string of digits',
    nothing: 'The handler of TopK (shard 0) returned undefined, expected a acme.search.v1.TopKResponse',
  });
  t.is(
    lines.filter(({ level, method }) => level === 'error' && method === 'TopK').length,
    6,
    'the author hears of it',
  );
});

test('an error with a code passes as that status, with details; anything else is UNKNOWN and logged', async (t) => {
  const rich = Buffer.from([0x08, 0x05, 0x12, 0x01, 0x78]);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', rich);
  const errors: Record<string, unknown> = {
    coded: Object.assign(new Error('no such document'), { code: 5 }),
    bytes: Object.assign(new Error('gone'), { code: 5, details: rich }),
    service: Object.assign(new Error('5 NOT_FOUND: gone'), { code: 5, details: 'gone', metadata }),
    plain: new TypeError('a defect'),
    errno: Object.assign(new Error('no file'), { code: 'ENOENT' }),
    zero: Object.assign(new Error('not an error?'), { code: 0 }),
    // A DOMException's own code is 8, which isn't RESOURCE_EXHAUSTED.
    dom: new DOMException('not there', 'NotFoundError'),
    text: 'just text',
  };
  const { client, lines } = await serve(t, {
    handlers: {
      Get: ({ id }: { id: string }) => {
        throw errors[id];
      },
    },
  });
  const told: Record<string, string> = {};
  for (const id of Object.keys(errors)) {
    const { code, details, trailer } = await client.call('Get', { id });
    const [status] = trailer.get('grpc-status-details-bin');
    told[id] = `${code} ${details}${status instanceof Buffer && status.equals(rich) ? ' +details' : ''}`;
  }
  t.deepEqual(told, {
    coded: '5 no such document',
    bytes: '5 gone +details',
    service: '5 gone +details',
    plain: '2 a defect',
    errno: '2 no file',
    zero: '2 not an error?',
    dom: '2 not there',
    text: '2 Thrown: just text',
  });
  t.is(lines.filter(({ level }) => level === 'error').length, 5);
});

test('a rejected promise is the same as a throw', async (t) => {
  const { client } = await serve(t, {
    handlers: { Get: () => Promise.reject(Object.assign(new Error('later'), { code: 7 })) },
  });
  t.like(await client.call('Get'), { code: 7, details: 'later' });
});

test('a deadline that passes aborts the signal of what runs, and what waits never starts', async (t) => {
  let reason: unknown;
  const ended = gate();
  const { client, metric } = await serve(t, {
    concurrency: 1,
    handlers: {
      Get: async (_request: object, { signal }) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
        await ended.promise;
        return {};
      },
    },
  });
  // Connected first, or the deadline passes before the worker hears of it.
  await client.call('Info');
  const timeoutMs = 200;
  const answers = await Promise.all([1, 2, 3].map(() => client.call('Get', {}, { timeoutMs })));
  t.deepEqual(
    answers.map(({ code }) => code),
    [4, 4, 4],
  );
  await until(() => reason !== undefined, 'abort');
  // The client's clock runs ahead by as long as the call was on its way: the worker may see it leave before the deadline.
  t.regex((reason as { code: string }).code, /^(DEADLINE_PASSED|CANCELLED)$/);
  const notStarted = () => metric('regather_worker_tasks_not_started_total');
  await until(async () => (await notStarted()) === 2, 'the others never started');
  ended.open();
  t.is(await metric('regather_worker_tasks_started_total', { method: 'Get' }), 1);
  t.is(await metric('regather_worker_tasks_aborted_total'), 1);
});

test('a client that leaves stops what runs and what waits', async (t) => {
  const started = gate();
  const ended = gate();
  let reason: unknown;
  const { client, metric } = await serve(t, {
    concurrency: 1,
    handlers: {
      Get: async (_request: object, { signal }) => {
        started.open();
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
        // Keeps its slot, so that the other one still waits when its own cancellation is read.
        await ended.promise;
        return {};
      },
    },
  });
  const cancels: (() => void)[] = [];
  const calls = [1, 2].map(() => client.call('Get', {}, { started: (cancel) => cancels.push(cancel) }));
  await started.promise;
  await until(async () => (await metric('regather_worker_queue_depth')) === 1, 'one waits');
  for (const cancel of cancels) cancel();
  t.deepEqual(
    (await Promise.all(calls)).map(({ code }) => code),
    [1, 1],
  );
  await until(() => reason !== undefined, 'abort');
  t.is((reason as { code?: string }).code, 'CANCELLED');
  await until(
    async () => (await metric('regather_worker_tasks_not_started_total', { reason: 'cancelled' })) === 1,
    'the other never started',
  );
  ended.open();
  t.is(await metric('regather_worker_tasks_started_total'), 1);
});

test('a full queue refuses at once, with advice when to come back, and goes on when there is room', async (t) => {
  const { promise, open } = gate();
  const { client, metric } = await serve(t, {
    concurrency: 1,
    queue: 1,
    handlers: {
      Get: async () => {
        await promise;
        return {};
      },
    },
  });
  const first = client.call('Get');
  await until(async () => (await metric('regather_worker_tasks_in_flight')) === 1, 'one runs');
  const second = client.call('Get');
  await until(async () => (await metric('regather_worker_queue_depth')) === 1, 'one waits');
  const third = await client.call('Get');
  t.is(third.code, 8);
  t.is(third.details, "The worker's 1 slots and its queue of 1 are full");
  t.regex(String(third.trailer.get('grpc-retry-pushback-ms')[0]), /^\d+$/);
  open();
  t.deepEqual(
    (await Promise.all([first, second])).map(({ code }) => code),
    [0, 0],
  );
  t.is((await client.call('Get')).code, 0);
  t.is(await metric('regather_worker_tasks_not_started_total', { reason: 'queue_full' }), 1);
});

test('a handler that never settles loses its slot to others after a while', async (t) => {
  let calls = 0;
  const { client, lines } = await serve(t, {
    concurrency: 1,
    abandonAfterMs: 20,
    handlers: { Get: () => (++calls === 1 ? new Promise<object>(() => {}) : {}) },
  });
  await client.call('Info');
  t.is((await client.call('Get', {}, { timeoutMs: 100 })).code, 4);
  t.is((await client.call('Get', {}, { timeoutMs: 5000 })).code, 0);
  t.true(lines.some(({ message }) => /did not end after its signal/.test(String(message))));
});

test('a partial above max_answer_bytes is RESOURCE_EXHAUSTED and names both sizes', async (t) => {
  const { client } = await serve(t, { handlers: { Get: () => ({ body: 'x'.repeat(4_194_400) }) } });
  t.like(await client.call('Get'), {
    code: 8,
    details:
      'Expected the partial of Get (shard 0) to be at most 4194304 bytes (max_answer_bytes), got 4194405',
  });
});

test('a handler may return bytes, and a codec may hand it bytes', async (t) => {
  const body = Buffer.from([0x0a, 0x02, 0x68, 0x69]);
  let got: unknown;
  const { client } = await serve(t, {
    codec: { Get: { decodeRequest: (bytes: Uint8Array) => bytes } },
    handlers: {
      Get: (request: object) => {
        got = request;
        return body;
      },
    },
  });
  t.like((await client.call('Get', { id: 'q' })).response, { id: 'hi' });
  t.deepEqual(got, Buffer.from([0x0a, 0x01, 0x71]));
});

test('a thenable of another kind is awaited; one that throws is the handler failing', async (t) => {
  const odd: Record<string, unknown> = {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    other: { then: (resolve: (value: unknown) => void) => resolve({ body: 'from afar' }) },
    throws: {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      then() {
        throw new Error('no then');
      },
    },
    getter: {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      get then() {
        throw new Error('no getter');
      },
    },
  };
  const { client, metric } = await serve(t, { handlers: { Get: ({ id }: { id: string }) => odd[id] } });
  t.like((await client.call('Get', { id: 'other' })).response, { body: 'from afar' });
  t.like(await client.call('Get', { id: 'throws' }), { code: 2, details: 'no then' });
  t.like(await client.call('Get', { id: 'getter' }), { code: 2, details: 'no getter' });
  t.is(await metric('regather_worker_tasks_in_flight'), 0);
});

test('reflection lists the service', async (t) => {
  const { addresses } = await serve(t);
  const client = new Client(addresses.address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  t.teardown(() => client.close());
  const same = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    same,
    same,
  );
  // list_services: ""
  stream.write(Buffer.from([0x3a, 0x00]));
  const [answer] = (await once(stream, 'data')) as [Buffer];
  stream.end();
  t.true(answer.includes('acme.search.v1.Search'));
});

test('a method that workers are not called with is UNIMPLEMENTED, plainly and over a link', async (t) => {
  const { client, addresses } = await serve(t);
  t.is((await client.stream('Upload')).code, 12);
  const kit = await connect(t, addresses.address);
  const { end } = await kit.call('Upload', {}, [0]);
  t.is(end.failures[0]?.code, 12);
});
