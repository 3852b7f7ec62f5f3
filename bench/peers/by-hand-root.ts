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
import type { PlacedWorker } from '../echo/placement.ts';
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

/** What calls a shard: with several replicas they take turns. */
interface ShardCaller {
  readonly clients: readonly Client[];
  readonly metadata: Metadata;
  turn: number;
}

export async function startByHandRoot(workers: readonly PlacedWorker[]): Promise<string> {
  return await serveByHand(
    callersOf(workers, ({ address }) => new Client(address, credentials.createInsecure(), channelOptions)),
  );
}

function callersOf(
  workers: readonly PlacedWorker[],
  connect: (worker: PlacedWorker) => Client,
): ShardCaller[] {
  const callers: (ShardCaller & { clients: Client[] })[] = [];
  for (const worker of workers) {
    const client = connect(worker);
    for (const shard of worker.shards) {
      const caller = callers[shard];
      if (caller !== undefined) caller.clients.push(client);
      else callers[shard] = { clients: [client], metadata: shardMetadata(shard), turn: 0 };
    }
  }
  return callers;
}

export function shardMetadata(shard: number): Metadata {
  const metadata = new Metadata();
  metadata.set('shard', String(shard));
  return metadata;
}

/** The root itself, given how each shard is called. */
export async function serveByHand(callers: readonly ShardCaller[]): Promise<string> {
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
        for (const caller of callers) {
          const client = caller.clients[caller.turn]!;
          caller.turn = (caller.turn + 1) % caller.clients.length;
          answers.push(
            new Promise((resolve, reject) => {
              calls.push(
                client.makeUnaryRequest(
                  echoPath,
                  raw,
                  echoResponse.decode,
                  call.request,
                  caller.metadata,
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
