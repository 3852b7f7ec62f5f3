/** The floor: a grpc-js server that answers by itself, with as many bytes as the others. */
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bind } from '../echo/bind.ts';
import { raw, serverOptions } from '../echo/channel.ts';
import { echoPath } from '../echo/codec.ts';
import { expectedAnswer } from '../echo/shards.ts';

export async function startEmptyRoot(shardCount: number): Promise<string> {
  const answer = expectedAnswer(shardCount);
  const method: MethodDefinition<Buffer, Buffer> = {
    path: echoPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
  const server = new Server(serverOptions);
  server.addService(
    { Echo: method },
    {
      Echo: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) =>
        callback(null, answer),
    },
  );
  return await bind(server, ServerCredentials.createInsecure());
}
