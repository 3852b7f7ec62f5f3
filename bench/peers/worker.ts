/** The hand-written worker: echo shards behind plain unary grpc-js, and the batch method that goes with it. */
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Before } from '../echo/before.ts';
import { bind } from '../echo/bind.ts';
import { raw, serverOptions } from '../echo/channel.ts';
import { batchPath, batchRequest, echoPath } from '../echo/codec.ts';
import { echoShard, requestId } from '../echo/shards.ts';

type RawCall = ServerUnaryCall<Buffer, Buffer>;

const rawUnary = (path: string): MethodDefinition<Buffer, Buffer> => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
});

export interface WorkerOptions {
  readonly shards: readonly number[];
  readonly listen?: string | undefined;
  /** Left out: shards answer at once. */
  readonly before?: Before | undefined;
}

export async function startWorker({ shards, listen, before }: WorkerOptions): Promise<string> {
  const handlers = new Map(shards.map((shard) => [shard, echoShard(shard)]));
  const server = new Server(serverOptions);

  server.addService(
    { Echo: rawUnary(echoPath), EchoBatch: rawUnary(batchPath) },
    {
      Echo(call: RawCall, callback: sendUnaryData<Buffer>): void {
        const shard = Number(call.metadata.get('shard')[0]);
        const handler = handlers.get(shard);
        if (handler === undefined) {
          callback({ code: status.NOT_FOUND, details: 'No such shard here' });
          return;
        }
        const { request } = call;
        const wait = before?.(requestId(request), shard, abortable(call));
        if (wait === undefined) callback(null, handler(request) as Buffer);
        else wait.then(() => callback(null, handler(request) as Buffer), failing(callback));
      },
      EchoBatch(call: RawCall, callback: sendUnaryData<Buffer>): void {
        const batch = batchRequest.decode(call.request);
        const missing = batch.shards.find((shard) => !handlers.has(shard));
        if (missing !== undefined) {
          callback({ code: status.NOT_FOUND, details: `No shard ${missing} here` });
          return;
        }
        const reply = (): void => {
          const answers: Buffer[] = [];
          for (const shard of batch.shards) {
            const answer = handlers.get(shard)!(batch.request) as Buffer;
            // EchoBatchResponse by hand: the shards' answers are bytes already, each a length-delimited field 1.
            answers.push(lengthPrefix(answer.length), answer);
          }
          callback(null, Buffer.concat(answers));
        };
        if (before === undefined) {
          reply();
          return;
        }
        const id = requestId(batch.request);
        const one = abortable(call);
        Promise.all(batch.shards.map((shard) => before(id, shard, one))).then(reply, failing(callback));
      },
    },
  );
  return await bind(server, ServerCredentials.createInsecure(), listen);
}

/** The call's signal, made when somebody wants it. */
function abortable(call: RawCall): { readonly signal: AbortSignal } {
  let controller: AbortController | undefined;
  return {
    get signal() {
      if (controller === undefined) {
        const made = new AbortController();
        controller = made;
        if (call.cancelled) made.abort();
        else call.on('cancelled', () => made.abort());
      }
      return controller.signal;
    },
  };
}

function failing(callback: sendUnaryData<Buffer>): (error: Partial<ServiceError>) => void {
  return ({ code = status.UNKNOWN, message = '' }) => callback({ code, details: message });
}

function lengthPrefix(length: number): Buffer {
  const bytes = [0x0a];
  for (let rest = length; ; rest >>>= 7) {
    if (rest < 0x80) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest & 0x7f) | 0x80);
  }
}
