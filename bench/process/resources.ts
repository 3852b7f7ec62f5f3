/** What a process holds, to see that it holds no more later. */
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { queryObjects } from 'node:v8';

export interface Resources {
  /** After forced collections; the process has to run with --expose-gc. */
  readonly rssBytes: number;
  /** What libuv keeps open: sockets, servers, pipes. Timers aren't among them. */
  readonly handles: number;
  /** Timers that somebody still holds, whether or not they keep the process alive. */
  readonly timers: number;
  /** HTTP/2 streams that somebody still holds, of clients and workers. */
  readonly streams: number;
}

type Constructor = abstract new (...args: never) => unknown;

let streamType: Promise<Constructor> | undefined;

export async function resources(): Promise<Resources> {
  streamType ??= findStreamType();
  const Stream = await streamType;
  const rssBytes = await collectedRss();
  const Timeout = timerType();
  return {
    rssBytes,
    handles: process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate')
      .length,
    timers: queryObjects(Timeout, { format: 'count' }) as unknown as number,
    streams: queryObjects(Stream, { format: 'count' }) as unknown as number,
  };
}

export async function collectedRss(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('Expected --expose-gc');
  for (let i = 0; i < 3; i++) {
    gc();
    // Finalizers and the allocator's own trimming run between collections.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

function timerType(): Constructor {
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  return timer.constructor as Constructor;
}

/** Node doesn't export it: it is what streams of both sides are made of. */
async function findStreamType(): Promise<Constructor> {
  const server = createServer();
  const stream = new Promise<ServerHttp2Stream>((resolve) => server.once('stream', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const request = session.request();
  request.on('error', () => {});
  const found = await stream;
  found.on('error', () => {});
  const Stream = Object.getPrototypeOf(found.constructor) as Constructor;
  found.close();
  session.destroy();
  await new Promise((resolve) => server.close(resolve));
  return Stream;
}
