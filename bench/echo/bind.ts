import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** Listens on a free loopback port; the address to dial. */
export function bind(server: Server, credentials: ServerCredentials): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
  });
}
