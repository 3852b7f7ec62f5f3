/** A TCP proxy in front of a worker, which can do to connections what networks do. Without an order it forwards bytes as they come. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `silent`: takes new connections and never says a word; old ones stay as they are. `black-hole`: nothing gets through in either direction, on old connections
 * nor new ones, and none is closed. `stops-reading`: what roots send is left in the socket, so they see no more window; answers still
 * get through. `reset`: every connection ends with RST, at once.
 */
export type ProxyMode = 'forward' | 'silent' | 'black-hole' | 'stops-reading' | 'reset';

interface Pair {
  readonly root: Socket;
  /** Undefined: taken while the proxy was silent, so nobody is behind it. */
  readonly worker: Socket | undefined;
}

export class FaultProxy {
  #server: Server | undefined;
  #target: string;
  #address = '';
  #mode: ProxyMode = 'forward';
  readonly #pairs = new Set<Pair>();
  constructor(target: string) {
    this.#target = target;
  }

  get address(): string {
    return this.#address;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  /** Connections of roots that are open. */
  get connections(): number {
    return this.#pairs.size;
  }

  async start(): Promise<string> {
    const server = createServer({ noDelay: true }, (root) => this.#accept(root));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this.#address;
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const pair of [...this.#pairs]) {
      // A connection that nobody is behind has to be made anew.
      if (mode === 'reset' || (mode === 'forward' && pair.worker === undefined)) this.#reset(pair);
      else this.#apply(pair);
    }
  }

  /** Writes bytes of nobody's into what roots read; their HTTP/2 can only end the connection. */
  inject(bytes: Buffer): void {
    for (const { root } of this.#pairs) root.write(bytes);
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const pair of [...this.#pairs]) this.#end(pair);
    await closed;
  }

  #accept(root: Socket): void {
    if (this.#mode === 'reset') {
      root.on('error', () => {});
      resetNow(root);
      return;
    }
    const deaf = this.#mode === 'silent' || this.#mode === 'black-hole';
    const pair: Pair = { root, worker: deaf ? undefined : this.#dial() };
    this.#pairs.add(pair);
    root.on('error', () => this.#end(pair));
    root.on('close', () => this.#end(pair));
    if (pair.worker === undefined) {
      // Read, so that the end of the connection is seen, and dropped.
      root.resume();
      return;
    }
    const { worker } = pair;
    worker.on('error', () => this.#reset(pair));
    worker.on('close', () => this.#end(pair));
    worker.on('data', (bytes: Buffer) => {
      if (!root.write(bytes)) worker.pause();
    });
    root.on('drain', () => this.#apply(pair));
    root.on('data', (bytes: Buffer) => {
      if (!worker.write(bytes)) root.pause();
    });
    worker.on('drain', () => this.#apply(pair));
    this.#apply(pair);
  }

  #dial(): Socket {
    const at = this.#target.lastIndexOf(':');
    return connect({
      host: this.#target.slice(0, at),
      port: Number(this.#target.slice(at + 1)),
      noDelay: true,
    });
  }

  #apply({ root, worker }: Pair): void {
    const mode = this.#mode;
    if (worker === undefined) return;
    if (mode === 'black-hole' || mode === 'stops-reading') root.pause();
    else if (!worker.writableNeedDrain) root.resume();
    if (mode === 'black-hole') worker.pause();
    else if (!root.writableNeedDrain) worker.resume();
  }

  #reset(pair: Pair): void {
    resetNow(pair.root);
    this.#end(pair);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.root.destroy();
    pair.worker?.destroy();
  }
}

/**
 * RST, and nothing else before it. `resetAndDestroy` first sends what is left and a FIN; destroyed meanwhile, it leaves a handle that is never closed
 * and keeps the event loop spinning (Node 26). What it does in the end is this.
 */
function resetNow(socket: Socket): void {
  // With a FIN on its way there is no resetting any more.
  if (!socket.writableEnded) (socket as Socket & { resetAndClosing: boolean }).resetAndClosing = true;
  socket.destroy();
}
