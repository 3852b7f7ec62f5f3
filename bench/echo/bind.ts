import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** Listens on loopback, on any free port unless told which address; the address to dial. */
export function bind(
  server: Server,
  credentials: ServerCredentials,
  listen = '127.0.0.1:0',
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
  });
}
