import { readFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createWorker, type WorkerOptions } from '../../shard/worker.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { createServer } from '../../shared/listen/server.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { makeCertificates } from '../kit/certificates.ts';
import { needs } from '../kit/debian.ts';
import { empty, gate, type Handlers, PlainClient, plan, searchProto, serve, until } from './kit.ts';

const quiet = createLogger({ level: 'silent' });

function worker(t: ExecutionContext, options: Partial<WorkerOptions<Handlers>> = {}) {
  const made = createWorker<Handlers>({
    service: { proto: searchProto },
    signals: false,
    log: quiet,
    open: () => empty,
    ...options,
  });
  t.teardown(() => made.stop());
  return made;
}

async function refusal(
  t: ExecutionContext,
  options: Partial<WorkerOptions<Handlers>>,
): Promise<RegatherError> {
  const made = worker(t, options);
  const error = await t.throwsAsync(() => made.start(), { instanceOf: RegatherError });
  t.is(made.state, 'stopped');
  return error!;
}

test('a shard that fails to open keeps the worker from starting, is named, and the others are closed', async (t) => {
  const closed: number[] = [];
  const error = await refusal(t, {
    shards: [0, 1, 2],
    open: async ({ index }) => {
      if (index === 1) throw new Error('index file is truncated');
      return { ...empty, close: () => closed.push(index) } as unknown as Handlers;
    },
  });
  t.like(error, {
    code: 'MODULE_INVALID',
    message: 'Shard 1 failed to open: index file is truncated',
    shards: [1],
  });
  t.is((error.cause as Error).message, 'index file is truncated');
  t.deepEqual(closed.sort(), [0, 2]);
});

test('what open returns is checked: handlers of all methods that roots call, as functions', async (t) => {
  const { Get: _, ...noGet } = empty;
  t.like(await refusal(t, { shards: [3], open: () => noGet }), {
    code: 'MODULE_INVALID',
    message: 'Expected open() of shard 3 to return a function Get, got nothing',
    field: 'Get',
  });
  t.regex(
    (await refusal(t, { open: () => ({ ...empty, TopK: 7 }) as unknown as Handlers })).message,
    /function TopK, got number/,
  );
  t.regex(
    (await refusal(t, { open: () => undefined as unknown as Handlers })).message,
    /object of handlers, got undefined/,
  );
  t.regex(
    (await refusal(t, { open: () => ({ ...empty, close: 1 }) as unknown as Handlers })).message,
    /close of shard 0 to be a function/,
  );
});

test('a method that roots do not call may be left out, and is UNIMPLEMENTED then', async (t) => {
  const made = worker(t);
  const { address } = await made.start();
  const client = new PlainClient(address);
  t.teardown(() => client.close());
  t.is((await client.stream('Upload')).code, 12);
});

test('options out of bounds are refused with their name and value', async (t) => {
  t.like(await refusal(t, { shards: [0, 4], shardCount: 4 }), {
    code: 'CONFIG_INVALID',
    message: 'Expected worker.shards to be whole numbers 0..3, got 4',
  });
  t.regex((await refusal(t, { shards: [1, 1] })).message, /each shard once, got 1 twice/);
  t.regex((await refusal(t, { shards: [] })).message, /at least one shard/);
  t.regex((await refusal(t, { concurrency: 0 })).message, /worker\.concurrency/);
  t.regex((await refusal(t, { listen: 'nowhere' })).message, /worker\.listen to be host:port, got "nowhere"/);
  t.regex(
    (await refusal(t, { codec: { Nope: {} } })).message,
    /codec to name methods of acme\.search\.v1\.Search, got Nope/,
  );
  t.like(await refusal(t, { service: { proto: searchProto, name: 'acme.Other' } }), {
    code: 'SERVICE_UNKNOWN',
  });
});

test('a port that is taken is PORT_TAKEN, and the shards are closed again', async (t) => {
  const blocker = createTcpServer();
  t.teardown(() => blocker.close());
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  const { port } = blocker.address() as { port: number };
  let closed = 0;
  const error = await refusal(t, {
    listen: `127.0.0.1:${port}`,
    open: () => ({ ...empty, close: () => (closed += 1) }) as unknown as Handlers,
  });
  t.is(error.code, 'PORT_TAKEN');
  t.is(error.message, `worker.listen: the address is taken: 127.0.0.1:${port}`);
  t.is(closed, 1);
});

test('a worker starts once', async (t) => {
  const made = worker(t);
  await made.start();
  await t.throwsAsync(() => made.start(), { message: /wasn't started, this one is ready/ });
  await made.stop();
  await t.throwsAsync(() => made.start(), { message: /this one is stopped/ });
});

test('what start is given goes before what createWorker got', async (t) => {
  const made = worker(t, { shards: [0], shardCount: 1, id: 'module' });
  const opened: string[] = [];
  const other = worker(t, {
    id: 'module',
    shards: [0],
    open: ({ index, count }) => {
      opened.push(`${index}/${count}`);
      return empty;
    },
  });
  await made.start();
  await other.start({ id: 'command', shards: [2, 3], shardCount: 8, listen: undefined });
  t.deepEqual(opened, ['2/8', '3/8']);
  t.like(other.status(), { id: 'command', shardCount: 8 });
});

test('told to stop while shards open: they see their signal, and start says why it failed', async (t) => {
  const opening = gate();
  let reason: unknown;
  const made = worker(t, {
    open: ({ signal }) => {
      opening.open();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(new Error('gave up'));
        });
      });
    },
  });
  const starting = made.start();
  const failed = t.throwsAsync(() => starting, { instanceOf: RegatherError });
  await opening.promise;
  await made.stop();
  t.is((await failed)?.code, 'CANCELLED');
  t.true(reason instanceof RegatherError);
  t.is(made.state, 'stopped');
});

test('a shard that opens although nobody waits for it any more is closed', async (t) => {
  const opening = gate();
  const go = gate();
  let closed = 0;
  const made = worker(t, {
    open: async () => {
      opening.open();
      await go.promise;
      return { ...empty, close: () => (closed += 1) } as unknown as Handlers;
    },
  });
  const failed = t.throwsAsync(() => made.start(), { instanceOf: RegatherError });
  await opening.promise;
  const stopped = made.stop();
  go.open();
  await stopped;
  t.is((await failed)?.code, 'CANCELLED');
  await until(() => closed === 1, 'close');
});

test('the admin port tells how far the shards are while they open', async (t) => {
  const opening = gate();
  const go = gate();
  const lines: string[] = [];
  const made = worker(t, {
    admin: '127.0.0.1:0',
    log: createLogger({ write: (line) => lines.push(line) }),
    open: async (shard) => {
      shard.progress(0.25, 'reading postings');
      shard.log.info('reading', { file: 'x' });
      opening.open();
      await go.promise;
      return empty;
    },
  });
  const starting = made.start();
  await opening.promise;
  t.like(made.status(), {
    state: 'loading',
    shards: [{ shard: 0, state: 'opening', done: 0.25, what: 'reading postings', tookMs: 0 }],
  });
  t.true(lines.some((line) => line.includes('"shard":0') && line.includes('"file":"x"')));
  go.open();
  const { admin } = await starting;
  const status = (await (await fetch(`http://${admin}/statusz`)).json()) as {
    shards: object[];
    ready: { ok: boolean };
  };
  t.true(status.ready.ok);
  t.like(status.shards[0], { state: 'open', done: 1 });
  t.is((await fetch(`http://${admin}/startupz`)).status, 200);
  t.like(await (await fetch(`http://${admin}/configz`)).json(), { queue: 1000, listen: undefined });
});

/**
 * Node's HTTP/2 server ends a connection that has seen 1000 resets and more than 33 a second since, with every call on it. A client
 * that cancels, or whose deadline expires, is one reset. grpc-js has no option for it, only a private field.
 */
test('1500 cancelled calls on a connection do no harm to others on it', async (t) => {
  const options = (createServer(10) as unknown as { commonServerOptions: Record<string, unknown> })
    .commonServerOptions;
  t.true(Number(options.streamResetBurst) >= 100_000);
  t.true(Number(options.streamResetRate) >= 10_000);
  const { client } = await serve(t, {
    handlers: { Get: () => new Promise(() => {}), Info: () => ({ body: 'unharmed' }) },
    queue: 5000,
  });
  for (let round = 0; round < 15; round++) {
    const calls = Array.from({ length: 100 }, () =>
      client.call('Get', {}, { started: (cancel) => setImmediate(cancel) }),
    );
    const answers = await Promise.all(calls);
    t.true(answers.every(({ code }) => code === 1));
  }
  t.is((await client.call('Info')).response?.body, 'unharmed');
});

needs(test, 'openssl')('TLS: with client_auth only those with a certificate get in', async (t) => {
  const { ca, server, client } = makeCertificates(t);
  const { addresses } = await serve(t, {
    handlers: { Get: () => ({ body: 'secret' }) },
    tls: { ...server, ca, client_auth: true },
  });
  const call = (channel: ReturnType<typeof credentials.createSsl>): Promise<number> => {
    const caller = new Client(addresses.address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      // Node takes no IP address for a server's name.
      'grpc.ssl_target_name_override': 'localhost',
    });
    t.teardown(() => caller.close());
    return new Promise((resolve) => {
      caller.makeUnaryRequest(
        `/${plan.name}/Get`,
        (b: Buffer) => b,
        (b: Buffer) => b,
        Buffer.alloc(0),
        { deadline: Date.now() + 5000 },
        (error) => resolve(error?.code ?? 0),
      );
    });
  };
  const authority = readFileSync(ca);
  t.is(await call(credentials.createSsl(authority, readFileSync(client.key), readFileSync(client.cert))), 0);
  t.is(await call(credentials.createSsl(authority)), 14);
  t.is(await call(credentials.createInsecure()), 14);
  t.regex(
    (await refusal(t, { tls: { cert: '/nowhere/none.pem', key: server.key } })).message,
    /tls\.cert: cannot read/,
  );
});
