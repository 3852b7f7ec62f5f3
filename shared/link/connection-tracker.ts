/**
 * Keeps hold of the sockets that a grpc-js channel opens. A channel that is closed while a peer has taken TCP but never spoken HTTP/2
 * forgets that socket and leaves it open for ever: one leaked per try. The hook is `_createSecureConnector`, which
 * grpc-js declares for its own use, so a test guards that it is still called.
 */
import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

export class ConnectionTracker {
  /** To be given to the channel in place of those it was made of. */
  readonly credentials: ChannelCredentials;
  readonly #sockets = new Set<Socket>();
  #destroyed = false;

  constructor(credentials: ChannelCredentials) {
    this.credentials = Object.create(credentials, {
      _createSecureConnector: {
        value: (...args: Parameters<ChannelCredentials['_createSecureConnector']>) =>
          this.#track(credentials._createSecureConnector(...args)),
      },
    });
  }

  /** Connections open now. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Ends every connection, in a turn or two: what was written before, a cancellation for one, still goes out. */
  destroy(): void {
    this.#destroyed = true;
    setImmediate(() =>
      setImmediate(() => {
        for (const socket of this.#sockets) socket.destroy();
      }),
    );
  }

  #track(connector: SecureConnector): SecureConnector {
    return {
      connect: (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        if (this.#destroyed) socket.destroy();
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
