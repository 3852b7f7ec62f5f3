/** A gRPC port: made, bound and shut down the same way by roots and workers. */
import { Server, type ServerOptions } from '@grpc/grpc-js';
import { RegatherError } from '../errors/errors.ts';
import { type ServerTls, serverCredentials } from '../tls/credentials.ts';
import { listenError } from './address.ts';

/**
 * How many resets a connection may see before Node closes it for abuse, with every call on it. Node's default, 1000 and then 33
 * a second, is less than a client causes whose deadlines expire often; a reset costs no more than the call that it ends.
 */
const streamResets = { streamResetBurst: 1_000_000, streamResetRate: 100_000 };

/** `maxStreams`: calls that one connection may have open. grpc-js's default is 2³²−1. */
export function createServer(maxStreams: number, options: ServerOptions = {}): Server {
  const server = new Server({
    ...options,
    'grpc.max_concurrent_streams': maxStreams,
    'grpc.enable_channelz': 0,
  });
  // A private field of grpc-js, read by bindAsync; a test fails if it is gone.
  const { commonServerOptions } = server as unknown as { commonServerOptions?: object };
  if (commonServerOptions === undefined) {
    throw new RegatherError('INTERNAL', 'This version of @grpc/grpc-js has no commonServerOptions');
  }
  Object.assign(commonServerOptions, streamResets);
  return server;
}

/** Resolves to the bound address: with the real port where 0 was asked. `field` is the option that gave the address. */
export function bind(
  server: Server,
  field: 'root.listen' | 'worker.listen',
  address: string,
  tls: ServerTls | undefined,
): Promise<string> {
  if (!address.includes(':')) {
    const message = `Expected ${field} to be host:port, got ${JSON.stringify(address)}`;
    throw new RegatherError('CONFIG_INVALID', message, { field });
  }
  const credentials = serverCredentials(tls);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) {
        const colon = address.lastIndexOf(':');
        resolve(address.startsWith('unix:') ? address : `${address.slice(0, colon)}:${port}`);
        return;
      }
      reject(listenError(field, address, error));
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
