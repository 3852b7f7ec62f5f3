/** The hand-written worker: two echo shards behind plain unary grpc-js, and the batch method that goes with it. */
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { bind } from '../echo/bind.ts';
import { raw, serverOptions } from '../echo/channel.ts';
import { batchPath, batchRequest, echoPath } from '../echo/codec.ts';
import { echoShard } from '../echo/shards.ts';

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

export async function startWorker(shards: readonly number[]): Promise<string> {
  const handlers = new Map(shards.map((shard) => [shard, echoShard(shard)]));
  const server = new Server(serverOptions);

  server.addService(
    { Echo: rawUnary(echoPath), EchoBatch: rawUnary(batchPath) },
    {
      Echo(call: RawCall, callback: sendUnaryData<Buffer>): void {
        const handler = handlers.get(Number(call.metadata.get('shard')[0]));
        if (handler === undefined) callback({ code: status.NOT_FOUND, details: 'No such shard here' });
        else callback(null, handler(call.request) as Buffer);
      },
      EchoBatch(call: RawCall, callback: sendUnaryData<Buffer>): void {
        const batch = batchRequest.decode(call.request);
        const answers: Buffer[] = [];
        for (const shard of batch.shards) {
          const answer = handlers.get(shard)?.(batch.request);
          if (answer === undefined) {
            callback({ code: status.NOT_FOUND, details: `No shard ${shard} here` });
            return;
          }
          // EchoBatchResponse by hand: the shards' answers are bytes already, each a length-delimited field 1.
          answers.push(lengthPrefix(answer.length), answer as Buffer);
        }
        callback(null, Buffer.concat(answers));
      },
    },
  );
  return await bind(server, ServerCredentials.createInsecure());
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
