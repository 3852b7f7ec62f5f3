/** A worker's shard: its file, made if it isn't there or isn't what it was, and the handlers over it. */
import { join } from 'node:path';
import { type FlightsShard, openFlights } from './handlers.ts';
import { isIntact, readManifest } from './manifest.ts';
import { partition } from './partition.ts';
import { flightsFolder, flightsSource } from './source.ts';

export interface OpenShardOptions {
  /** Where partitions are. Default: `flightsFolder()`. */
  readonly folder?: string;
  /** How far partitioning is, 0 to 1, if it has to be done. */
  readonly onPartition?: (done: number) => void;
}

/** Throws DataError. */
export async function openShard(
  index: number,
  count: number,
  { folder = flightsFolder(), onPartition }: OpenShardOptions = {},
): Promise<FlightsShard> {
  const present = join(folder, String(count));
  const manifest = await readManifest(present);
  const entry = manifest?.shards.length === count ? manifest.shards[index] : undefined;
  if (entry && (await isIntact(join(present, entry.name), entry)))
    return openFlights(join(present, entry.name));
  const made = await partition({
    source: flightsSource(),
    folder,
    shards: count,
    ...(onPartition ? { onProgress: onPartition } : {}),
  });
  return openFlights(join(made.folder, made.manifest.shards[index]!.name));
}
