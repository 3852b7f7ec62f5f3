/** What the command line says of an address that is no admin port, or not the one that was meant. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { rootStatus } from '../../cli/admin-client.ts';
import { startAdmin } from '../../shared/admin/admin.ts';
import { Lifecycle } from '../../shared/lifecycle/lifecycle.ts';
import { bind, createServer as createGrpcServer, shutDown } from '../../shared/listen/server.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';

async function startWorkerAdmin(t: ExecutionContext): Promise<string> {
  const admin = await startAdmin({
    listen: '127.0.0.1:0',
    kind: 'worker',
    lifecycle: new Lifecycle(),
    metrics: new MetricRegistry({ nodeMetrics: false }),
    log: createLogger({ level: 'silent' }),
    status: () => ({}),
    config: () => ({}),
    ready: () => ({ ok: true, reasons: [] }),
  });
  t.teardown(() => admin.close());
  return admin.address;
}

async function listening(t: ExecutionContext, onConnection: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer(onConnection);
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a worker's admin port knows no shards of a topology", async (t) => {
  const address = await startWorkerAdmin(t);
  await t.throwsAsync(rootStatus(address), {
    code: 'USAGE',
    message: `Expected the admin port of a root, ${address} is that of a worker`,
  });
});

test('why nobody answers is told as it is: refused, hung up, no HTTP', async (t) => {
  const gone = await listening(t, (socket) => socket.destroy());
  await t.throwsAsync(rootStatus(gone), { message: /: UND_ERR_SOCKET$|: ECONNRESET$/ });

  const grpc = createGrpcServer(10);
  t.teardown(() => grpc.forceShutdown());
  const address = await bind(grpc, 'root.listen', '127.0.0.1:0', undefined);
  await t.throwsAsync(rootStatus(address), { message: /: Response does not match the HTTP\/1\.1 protocol/ });
  await shutDown(grpc, address, 0);
  await t.throwsAsync(rootStatus(address), { message: /: ECONNREFUSED$/ });

  // A port that fetch refuses to ask at all.
  await t.throwsAsync(rootStatus('127.0.0.1:6000'), { message: /: bad port$/ });
});
