/**
 * The by-hand root with hedging as grpc-js has it: a `hedgingPolicy` in the service config, over a channel per set of replicas. Its delay
 * is static, the backend of a hedge is whichever comes next in the round, the primary's own included, and grpc-js doesn't
 * throttle hedges: all three are its limits, not ours.
 */
import { type ChannelOptions, Client, credentials } from '@grpc/grpc-js';
import { channelOptions } from '../echo/channel.ts';
import { echoService } from '../echo/codec.ts';
import type { PlacedWorker } from '../echo/placement.ts';
import { serveByHand, shardMetadata } from './by-hand-root.ts';

/** `delayMs`: an expert sets it to about the 95th percentile of a leaf call, so that one in twenty is hedged. */
export async function startHedgedRoot(workers: readonly PlacedWorker[], delayMs: number): Promise<string> {
  const options: ChannelOptions = {
    ...channelOptions,
    // What hedging is part of.
    'grpc.enable_retries': 1,
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [{ round_robin: {} }],
      methodConfig: [
        {
          name: [{ service: echoService }],
          hedgingPolicy: {
            maxAttempts: 2,
            hedgingDelay: `${(delayMs / 1000).toFixed(3)}s`,
            nonFatalStatusCodes: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'],
          },
        },
      ],
    }),
  };
  const addresses: string[][] = [];
  for (const { address, shards } of workers) {
    for (const shard of shards) {
      addresses[shard] ??= [];
      addresses[shard].push(address);
    }
  }
  const clients = new Map<string, Client>();
  const clientOf = (replicas: readonly string[]): Client => {
    const target = `ipv4:${replicas.join(',')}`;
    let client = clients.get(target);
    if (client === undefined) {
      client = new Client(target, credentials.createInsecure(), options);
      clients.set(target, client);
    }
    return client;
  };
  return await serveByHand(
    addresses.map((replicas, shard) => ({
      clients: [clientOf(replicas)],
      metadata: shardMetadata(shard),
      turn: 0,
    })),
  );
}
