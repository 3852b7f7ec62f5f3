/** The soak's client: some callers leave, some have no time, the rest compare every byte. On node:http2 itself, as client.ts. */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { expectedAnswer, makeRequest } from '../echo/shards.ts';
import { serveParent } from './child.ts';

export interface SoakTarget {
  readonly address: string;
  readonly path: string;
  readonly shardCount: number;
}

export interface SoakPortion {
  /** Requests are numbered from here on: which is which depends on its number. */
  readonly firstId: number;
  readonly answers: number;
  readonly inFlight: number;
}

/** How the portion's requests ended. */
export interface SoakTally {
  ok: number;
  cancelled: number;
  expired: number;
  failed: number;
  firstFailure: string;
}

/** Of a hundred requests. */
const LEAVING = 2;
const HURRIED = 5;
const LEAVES_AFTER_MS = 2;

let session: ClientHttp2Session;
let path = '';
let shardCount = 0;

function ask(id: number, tally: SoakTally): Promise<void> {
  const kind = id % 100;
  const leaves = kind < LEAVING;
  const hurried = !leaves && kind < LEAVING + HURRIED;
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': hurried ? '10m' : '10S',
  });
  const chunks: Buffer[] = [];
  let status = '';
  let message = '';
  const trailers = (headers: Record<string, unknown>): void => {
    if (headers['grpc-status'] === undefined) return;
    status = String(headers['grpc-status']);
    message = String(headers['grpc-message'] ?? '');
  };
  stream.on('response', trailers);
  stream.on('trailers', trailers);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', (error) => {
    message = error.message;
  });
  stream.end(framed(makeRequest(id)));
  if (leaves) setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), LEAVES_AFTER_MS);
  return new Promise((resolve) => {
    stream.on('close', () => {
      if (status === '0' && Buffer.concat(chunks).equals(framed(expectedAnswer(shardCount, id)))) tally.ok++;
      // A worker that can't do it in what is left of 10 ms says so at once, with RESOURCE_EXHAUSTED.
      else if (status === '4' || (hurried && status === '8')) tally.expired++;
      else if (leaves && status === '') tally.cancelled++;
      else {
        if (tally.failed === 0) tally.firstFailure = `request ${id}: status ${status || 'none'} ${message}`;
        tally.failed++;
      }
      resolve();
    });
  });
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

serveParent({
  connect: (target: SoakTarget) => {
    session = connect(`http://${target.address}`);
    ({ path, shardCount } = target);
  },
  run: async ({ firstId, answers, inFlight }: SoakPortion): Promise<SoakTally> => {
    const tally: SoakTally = { ok: 0, cancelled: 0, expired: 0, failed: 0, firstFailure: '' };
    let next = firstId;
    const end = firstId + answers;
    const caller = async (): Promise<void> => {
      while (next < end) await ask(next++, tally);
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, answers) }, caller));
    return tally;
  },
});
