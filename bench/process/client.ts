/**
 * The client process: a closed loop of a given number in flight on one HTTP/2 connection, on node:http2 itself, because a grpc-js client
 * would take as much of the machine as the root that is measured. Every answer's bytes and status are checked.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { serveParent } from './child.ts';

interface Target {
  readonly arm: string;
  readonly address: string;
  readonly path: string;
  /** base64 */
  readonly request: string;
  readonly expected: string;
}

/** What the client saw since the last `mark`. */
export interface Marked {
  readonly answers: number;
  readonly failures: number;
  readonly firstFailure: string;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

class Loop {
  readonly #session: ClientHttp2Session;
  readonly #path: string;
  readonly #frame: Buffer;
  readonly #expected: Buffer;
  #running = 0;
  #stopping = false;
  #stopped: (() => void) | undefined;
  #latencies: number[] = [];
  #failures = 0;
  #firstFailure = '';
  #since = performance.now();
  #left = Number.POSITIVE_INFINITY;
  #next: (() => void) | undefined;

  constructor(target: Target) {
    this.#session = connect(`http://${target.address}`);
    this.#session.on('error', (error) => this.#fail(`connection: ${error.message}`));
    this.#path = target.path;
    this.#frame = framed(Buffer.from(target.request, 'base64'));
    this.#expected = framed(Buffer.from(target.expected, 'base64'));
  }

  start(inFlight: number, answers: number = Number.POSITIVE_INFINITY): void {
    this.#left = answers - inFlight;
    this.#stopping = false;
    this.mark();
    this.#running = inFlight;
    for (let i = 0; i < inFlight; i++) this.#send();
  }

  /** So many answers from now, then it stops. */
  run(inFlight: number, answers: number): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    this.start(inFlight, answers);
    return done;
  }

  stop(): Promise<void> {
    this.#stopping = true;
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /** Resolves when something was answered since the last `mark`. */
  async something(): Promise<void> {
    while (this.#latencies.length === 0 && this.#failures === 0) {
      await new Promise<void>((resolve) => {
        this.#next = resolve;
      });
    }
  }

  mark(): Marked {
    const now = performance.now();
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    const marked: Marked = {
      answers: sorted.length,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      elapsedMs: now - this.#since,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      p999Ms: at(0.999),
      maxMs: at(1),
    };
    this.#latencies = [];
    this.#failures = 0;
    this.#firstFailure = '';
    this.#since = performance.now();
    return marked;
  }

  #send(): void {
    const sentAt = performance.now();
    const stream: ClientHttp2Stream = this.#session.request({
      ':method': 'POST',
      ':path': this.#path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '10S',
    });
    let body: Buffer | undefined;
    let status = 'no trailers';
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined)
        status = `${headers['grpc-status']} ${headers['grpc-message'] ?? ''}`;
    });
    stream.on('trailers', (trailers) => {
      status =
        trailers['grpc-status'] === '0'
          ? '0'
          : `${trailers['grpc-status']} ${trailers['grpc-message'] ?? ''}`;
    });
    stream.on('data', (chunk: Buffer) => {
      body = body === undefined ? chunk : Buffer.concat([body, chunk]);
    });
    stream.on('error', (error) => {
      status = error.message;
    });
    stream.on('close', () => this.#done(sentAt, status, body, stream.rstCode));
    stream.end(this.#frame);
  }

  #done(sentAt: number, status: string, body: Buffer | undefined, reset: number): void {
    if (status !== '0') this.#fail(`status ${status}`);
    else if (reset !== constants.NGHTTP2_NO_ERROR) this.#fail(`reset ${reset}`);
    else if (body === undefined || !body.equals(this.#expected)) {
      this.#fail(
        `an answer of other bytes: ${body?.toString('hex') ?? 'none'}, expected ${this.#expected.toString('hex')}`,
      );
    } else this.#latencies.push(performance.now() - sentAt);
    this.#next?.();
    if (this.#stopping || this.#left-- <= 0) {
      this.#running--;
      if (this.#running === 0) this.#stopped?.();
    } else this.#send();
  }

  #fail(why: string): void {
    if (this.#failures++ === 0) this.#firstFailure = why;
  }
}

/** gRPC's length-prefixed message. */
function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

/** By arm. One process for all arms, so that all have the same client, warmed up alike. */
const loops = new Map<string, Loop>();

function loopOf({ arm }: { arm: string }): Loop {
  const loop = loops.get(arm);
  if (loop === undefined) throw new Error(`Not connected to the root of ${arm}`);
  return loop;
}

serveParent({
  connect: (target: Target) => {
    loops.set(target.arm, new Loop(target));
  },
  start: (body: { arm: string; inFlight: number }) => loopOf(body).start(body.inFlight),
  something: (body: { arm: string }) => loopOf(body).something(),
  mark: (body: { arm: string }) => loopOf(body).mark(),
  stop: (body: { arm: string }) => loopOf(body).stop(),
  /** So many answers, then what was seen. */
  run: async (body: { arm: string; inFlight: number; answers: number }) => {
    const loop = loopOf(body);
    await loop.run(body.inFlight, body.answers);
    return loop.mark();
  },
});
