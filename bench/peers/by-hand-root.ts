/** A root as an expert writes it without Regather: `Promise.all` over one unary call per shard. */
import {
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bind } from '../echo/bind.ts';
import { channelOptions, raw, serverOptions } from '../echo/channel.ts';
import { type EchoResponse, echoPath, echoRequest, echoResponse } from '../echo/codec.ts';
import { shardCount, shardsOf } from '../echo/shards.ts';
import { mergeByHand } from './merge-by-hand.ts';

/** The request stays bytes, because it is passed on as it is; the answer is encoded by protobufjs. */
export const rootMethod: MethodDefinition<Buffer, EchoResponse> = {
  path: echoPath,
  requestStream: false,
  responseStream: false,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: echoResponse.encode,
  responseDeserialize: echoResponse.decode,
};

export async function startByHandRoot(workers: readonly string[]): Promise<string> {
  const clientOf: Client[] = [];
  const metadataOf: Metadata[] = [];
  workers.forEach((address, worker) => {
    const client = new Client(address, credentials.createInsecure(), channelOptions);
    for (const shard of shardsOf(worker)) {
      clientOf[shard] = client;
      metadataOf[shard] = new Metadata();
      metadataOf[shard]!.set('shard', String(shard));
    }
  });

  const server = new Server(serverOptions);
  server.addService(
    { Echo: rootMethod },
    {
      Echo(call: ServerUnaryCall<Buffer, EchoResponse>, callback: sendUnaryData<EchoResponse>): void {
        const options = { deadline: call.getDeadline() };
        const calls: ClientUnaryCall[] = [];
        const cancelAll = (): void => {
          for (const shardCall of calls) shardCall.cancel();
        };
        const answers: Promise<EchoResponse>[] = [];
        for (let shard = 0; shard < shardCount; shard++) {
          answers.push(
            new Promise((resolve, reject) => {
              calls.push(
                clientOf[shard]!.makeUnaryRequest(
                  echoPath,
                  raw,
                  echoResponse.decode,
                  call.request,
                  metadataOf[shard]!,
                  options,
                  (error, answer) => (error === null ? resolve(answer!) : reject(error)),
                ),
              );
            }),
          );
        }
        call.on('cancelled', cancelAll);
        Promise.all(answers).then(
          (all) => callback(null, mergeByHand(all, echoRequest.decode(call.request).limit)),
          (error) => {
            cancelAll();
            callback(error);
          },
        );
      },
    },
  );
  return await bind(server, ServerCredentials.createInsecure());
}
