/** A TCP hop between a root and a worker that can fail in the ways networks do. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Hop {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes from the worker to the root so far. */
  bytesToRoot = 0;
  /** Called after each piece that went to the root. */
  onData: () => void = () => undefined;
  #deaf = false;

  private constructor(target: number) {
    this.#server = createServer((root) => {
      const worker = connect(target, '127.0.0.1');
      for (const socket of [root, worker]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          root.destroy();
          worker.destroy();
        });
      }
      root.on('data', (data) => {
        if (!this.#deaf) worker.write(data);
      });
      worker.on('data', (data) => {
        if (this.#deaf) return;
        this.bytesToRoot += data.length;
        root.write(data);
        this.onData();
      });
    });
  }

  static async start(target: number): Promise<Hop> {
    const hop = new Hop(target);
    await new Promise<void>((resolve) => hop.#server.listen(0, '127.0.0.1', resolve));
    return hop;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Connections stay open, but nothing passes any more. */
  blackHole(deaf = true): void {
    this.#deaf = deaf;
  }

  /** Both ends see RST. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop(): void {
    this.#server.close();
    this.reset();
  }
}
