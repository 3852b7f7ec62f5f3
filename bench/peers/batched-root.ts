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
import type { PlacedWorker } from '../echo/placement.ts';
import { rootMethod } from './by-hand-root.ts';
import { mergeByHand } from './merge-by-hand.ts';

/** One way to ask for all shards: who is asked for which. With several replicas such ways take turns. */
type Round = readonly { readonly client: Client; readonly shards: number[] }[];

function roundsOf(workers: readonly PlacedWorker[]): Round[] {
  const clients = workers.map(
    ({ address }) => new Client(address, credentials.createInsecure(), channelOptions),
  );
  const holders: number[][] = [];
  workers.forEach(({ shards }, worker) => {
    for (const shard of shards) {
      holders[shard] ??= [];
      holders[shard].push(worker);
    }
  });
  const replicas = Math.max(...holders.map((list) => list.length));
  return Array.from({ length: replicas }, (_, turn) => {
    const batches = new Map<number, number[]>();
    holders.forEach((list, shard) => {
      const worker = list[turn % list.length]!;
      const shards = batches.get(worker);
      if (shards === undefined) batches.set(worker, [shard]);
      else shards.push(shard);
    });
    return [...batches].map(([worker, shards]) => ({ client: clients[worker]!, shards }));
  });
}

export async function startBatchedRoot(workers: readonly PlacedWorker[]): Promise<string> {
  const rounds = roundsOf(workers);
  let turn = 0;
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
        const round = rounds[turn]!;
        turn = (turn + 1) % rounds.length;
        const batches = round.map(
          ({ client, shards }) =>
            new Promise<{ answers: EchoResponse[] }>((resolve, reject) => {
              calls.push(
                client.makeUnaryRequest(
                  batchPath,
                  batchRequest.encode,
                  batchResponse.decode,
                  { shards, request: call.request },
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
            // In shard order, so that `first` stays right.
            const answers: EchoResponse[] = [];
            all.forEach((batch, i) => {
              round[i]!.shards.forEach((shard, position) => {
                answers[shard] = batch.answers[position]!;
              });
            });
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
