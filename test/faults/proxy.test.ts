/** What the proxy does to connections, seen from both ends. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { FaultProxy } from '../kit/faults/proxy.ts';

/** A worker that sends back what it gets, and counts it. */
async function setUp(t: ExecutionContext) {
  const seen = { connections: 0, bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      seen.bytes += bytes.length;
      socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = new FaultProxy(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  const address = await proxy.start();
  t.teardown(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const dial = async () => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    t.teardown(() => socket.destroy());
    const events: string[] = [];
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? error.message));
    socket.on('end', () => events.push('end'));
    socket.on('close', () => events.push('close'));
    await once(socket, 'connect');
    return {
      socket,
      events,
      heard: () => text,
      says: async (message: string) => {
        socket.write(message);
        while (!text.includes(message)) await once(socket, 'data');
      },
      closed: async () => {
        // Not `once`, which rejects at the error that comes before.
        if (!events.includes('close')) await new Promise((resolve) => socket.on('close', resolve));
        return events;
      },
    };
  };
  /** The worker says something by itself, to everybody. */
  const workerSays = (text: string): void => {
    for (const socket of sockets) socket.write(text);
  };
  return { proxy, seen, dial, workerSays };
}

/** All that was on its way over loopback has arrived. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('it forwards both ways, and ends one side with the other', async (t) => {
  const { proxy, dial, seen } = await setUp(t);
  const root = await dial();
  await root.says('hello');
  t.deepEqual(seen, { connections: 1, bytes: 5 });
  t.is(proxy.connections, 1);
  root.socket.destroy();
  while (proxy.connections > 0) await quiet();
  t.is(proxy.connections, 0);
});

test('silent: new connections are taken and hear nothing, and are reset when it heals', async (t) => {
  const { proxy, dial, seen } = await setUp(t);
  const old = await dial();
  await old.says('one');
  proxy.set('silent');
  const root = await dial();
  root.socket.write('anybody there?');
  await old.says('two');
  await quiet();
  t.is(root.heard(), '');
  t.deepEqual(root.events, []);
  t.is(seen.connections, 1);
  proxy.set('forward');
  t.true((await root.closed()).includes('ECONNRESET'));
  await old.says('three');
  await (await dial()).says('again');
});

test('black hole: nothing passes, nothing is closed, and what waited passes when it heals', async (t) => {
  const { proxy, dial, seen } = await setUp(t);
  const old = await dial();
  await old.says('one');
  proxy.set('black-hole');
  old.socket.write('lost');
  const late = await dial();
  late.socket.write('lost');
  await quiet();
  t.is(seen.bytes, 3);
  t.is(seen.connections, 1);
  t.deepEqual([...old.events, ...late.events], []);
  proxy.set('forward');
  await old.says('two');
  t.is(old.heard(), 'onelosttwo');
  await late.closed();
});

test('stops reading: the sender fills the window and answers still come', async (t) => {
  const { proxy, dial, seen, workerSays } = await setUp(t);
  const root = await dial();
  await root.says('one');
  proxy.set('stops-reading');
  const big = Buffer.alloc(1 << 20, 'x');
  let passed = 0;
  while (passed < 64 && root.socket.write(big)) passed++;
  await quiet();
  t.true(root.socket.writableLength > 0, 'what was written is still here');
  t.is(seen.bytes, 3);
  workerSays('answer');
  while (root.heard() !== 'oneanswer') await once(root.socket, 'data');
  t.is(seen.bytes, 3);
  proxy.set('forward');
  await once(root.socket, 'drain');
  while (seen.bytes < root.socket.bytesWritten) await quiet();
  t.is(seen.bytes, root.socket.bytesWritten);
});

test('reset: old connections and new ones end with RST', async (t) => {
  const { proxy, dial } = await setUp(t);
  const old = await dial();
  await old.says('one');
  proxy.set('reset');
  t.deepEqual(await old.closed(), ['ECONNRESET', 'close'], 'no FIN comes before');
  const late = await dial().catch((error: NodeJS.ErrnoException) => error);
  if (late instanceof Error) t.is(late.code, 'ECONNRESET');
  else t.true((await late.closed()).includes('ECONNRESET'));
  proxy.set('forward');
  await (await dial()).says('again');
});

test('injected bytes are read between those of the worker', async (t) => {
  const { proxy, dial } = await setUp(t);
  const root = await dial();
  await root.says('one');
  proxy.inject(Buffer.from('garbage'));
  await root.says('two');
  t.is(root.heard(), 'onegarbagetwo');
});

test('without a worker behind it, a connection is reset', async (t) => {
  const nobody = createServer();
  nobody.listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as AddressInfo;
  nobody.close();
  await once(nobody, 'close');
  const proxy = new FaultProxy(`127.0.0.1:${port}`);
  const address = await proxy.start();
  t.teardown(() => proxy.close());
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});
