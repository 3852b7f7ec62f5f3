/** Waiting for a client's first connection. */
import { type Client, connectivityState } from '@grpc/grpc-js';
import { RegatherError } from '../errors/errors.ts';

/** grpc-js waits for ever for a peer that accepts and never speaks. */
const CONNECT_TIMEOUT_MS = 5000;

/** Fails as soon as the connection is refused; `waitForReady` alone would try again until its time is up. Throws UNAVAILABLE. */
export function connected(client: Client, address: string): Promise<void> {
  const channel = client.getChannel();
  const deadline = Date.now() + CONNECT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new RegatherError('UNAVAILABLE', `Nobody answers at ${address}${why}`));
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve();
      else if (state === connectivityState.TRANSIENT_FAILURE) fail(': the connection failed');
      else {
        channel.watchConnectivityState(state, deadline, (error) => {
          if (error === undefined) look();
          else fail(` within ${CONNECT_TIMEOUT_MS} ms`);
        });
      }
    };
    look();
  });
}
