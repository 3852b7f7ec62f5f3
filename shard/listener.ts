/** The worker's gRPC port. */
import { Server } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { listenError } from '../shared/listen/address.ts';
import { type ServerTls, serverCredentials } from '../shared/tls/credentials.ts';

/**
 * How many resets a connection may see before Node closes it for abuse, with every call on it. Node's default, 1000 and then 33
 * a second, is less than one plain root causes whose calls expire; a reset costs the worker no more than the call it ends.
 */
const streamResets = { streamResetBurst: 1_000_000, streamResetRate: 100_000 };

export function createServer(maxStreams: number): Server {
  const server = new Server({ 'grpc.max_concurrent_streams': maxStreams, 'grpc.enable_channelz': 0 });
  // A private field of grpc-js, read by bindAsync; a test fails if it is gone.
  const { commonServerOptions } = server as unknown as { commonServerOptions?: object };
  if (commonServerOptions === undefined) {
    throw new RegatherError('INTERNAL', 'This version of @grpc/grpc-js has no commonServerOptions');
  }
  Object.assign(commonServerOptions, streamResets);
  return server;
}

/** Resolves to the bound address: with the real port where 0 was asked. */
export function bind(server: Server, address: string, tls: ServerTls | undefined): Promise<string> {
  if (!address.includes(':')) {
    throw new RegatherError(
      'CONFIG_INVALID',
      `Expected worker.listen to be host:port, got ${JSON.stringify(address)}`,
      {
        field: 'worker.listen',
      },
    );
  }
  const credentials = serverCredentials(tls);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) {
        const colon = address.lastIndexOf(':');
        resolve(address.startsWith('unix:') ? address : `${address.slice(0, colon)}:${port}`);
        return;
      }
      reject(listenError('worker.listen', address, error));
    });
  });
}

/**
 * Takes no new calls, lets those that run end for `graceMs`, cuts off the rest. `forceShutdown` wouldn't: in a server without channelz
 * it knows no connections and leaves them all open. Nor would `drain` after `tryShutdown`: it takes closing for closed.
 */
export function shutDown(server: Server, address: string, graceMs: number): Promise<void> {
  server.drain(address, graceMs);
  return new Promise((resolve) => server.tryShutdown(() => resolve()));
}
