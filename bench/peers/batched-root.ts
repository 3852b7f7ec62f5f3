/** The next step of the same expert: one batch call per worker instead of one call per shard. */
import {
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bind } from '../echo/bind.ts';
import { channelOptions, serverOptions } from '../echo/channel.ts';
import { batchPath, batchRequest, batchResponse, type EchoResponse, echoRequest } from '../echo/codec.ts';
import { shardsOf } from '../echo/shards.ts';
import { rootMethod } from './by-hand-root.ts';
import { mergeByHand } from './merge-by-hand.ts';

export async function startBatchedRoot(workers: readonly string[]): Promise<string> {
  const clients = workers.map((address) => new Client(address, credentials.createInsecure(), channelOptions));
  const noMetadata = new Metadata();

  const server = new Server(serverOptions);
  server.addService(
    { Echo: rootMethod },
    {
      Echo(call: ServerUnaryCall<Buffer, EchoResponse>, callback: sendUnaryData<EchoResponse>): void {
        const options = { deadline: call.getDeadline() };
        const calls: ClientUnaryCall[] = [];
        const cancelAll = (): void => {
          for (const workerCall of calls) workerCall.cancel();
        };
        const batches = clients.map(
          (client, worker) =>
            new Promise<{ answers: EchoResponse[] }>((resolve, reject) => {
              calls.push(
                client.makeUnaryRequest(
                  batchPath,
                  batchRequest.encode,
                  batchResponse.decode,
                  { shards: shardsOf(worker), request: call.request },
                  noMetadata,
                  options,
                  (error, batch) => (error === null ? resolve(batch!) : reject(error)),
                ),
              );
            }),
        );
        call.on('cancelled', cancelAll);
        Promise.all(batches).then(
          (all) => {
            // Worker by worker is shard order here, so `first` stays right.
            const answers = all.flatMap((batch) => batch.answers);
            callback(null, mergeByHand(answers, echoRequest.decode(call.request).limit));
          },
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
