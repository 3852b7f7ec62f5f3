/** A client that has no timer of its own: it says its deadline in `grpc-timeout` and waits for the status, however long that takes. */
import { type ClientHttp2Session, connect } from 'node:http2';
import type { ExecutionContext } from 'ava';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { searchPlan } from './cluster.ts';

const codecs = methodCodecs(searchPlan);

export interface UntimedStatus {
  readonly code: number;
  readonly message: string;
}

export class UntimedClient {
  readonly #session: ClientHttp2Session;

  constructor(t: ExecutionContext, address: string) {
    this.#session = connect(`http://${address}`);
    this.#session.on('error', (error) => t.fail(`the connection to the root broke: ${error.message}`));
    t.teardown(() => this.#session.destroy());
  }

  call(method: string, request: object, timeoutMs: number): Promise<UntimedStatus> {
    const payload = codecs.get(method)!.encodeRequest(request);
    const frame = Buffer.alloc(5 + payload.length);
    frame.writeUInt32BE(payload.length, 1);
    frame.set(payload, 5);
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/acme.search.v1.Search/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${timeoutMs}m`,
    });
    stream.end(frame);
    stream.resume();
    return new Promise((resolve, reject) => {
      const read = (headers: Record<string, unknown>): void => {
        const { 'grpc-status': code, 'grpc-message': message } = headers;
        if (code !== undefined) {
          resolve({ code: Number(code), message: decodeURIComponent(String(message ?? '')) });
        }
      };
      stream.on('response', read);
      stream.on('trailers', read);
      stream.on('error', reject);
      stream.on('close', () => reject(new Error('the stream closed without a status')));
    });
  }
}
