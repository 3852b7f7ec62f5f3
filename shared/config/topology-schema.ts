/** What a topology looks like in YAML, in the config (`topology.static`) and in a file of its own (`topology.file`). */
import type { z } from 'zod';
import { address, integer, list, section, text } from './leaves.ts';

/** More than enough for one topology; a larger number is a slip of the finger. */
export const maxShards = 65_536;

export const topologySchema = section({
  epoch: integer(1, Number.MAX_SAFE_INTEGER, {
    description: "The topology's version. It must rise with every change, on all roots alike.",
    why: 'Left out, a root counts its own changes from 1.',
  }).optional(),
  documents: list(integer(0, Number.MAX_SAFE_INTEGER, {}), 'numbers of documents', {
    description:
      'How many documents each shard has, by shard, so that coverage and `min_coverage` count documents. Left out: shards alone count.',
  }).optional(),
  workers: list(
    section({
      id: text({ description: 'Unique; labels metrics and logs.' }),
      address: address({ description: 'Where the worker listens.' }),
      admin: address({
        description: "Where the worker's admin port listens, so that `regather drain` finds it by id.",
      }).optional(),
      shards: list(integer(0, maxShards - 1, {}), 'shard numbers', {
        description: 'The shards that it hosts, each below `shards.count`.',
      }),
      zone: text({ description: 'Where it runs.' }).optional(),
      weight: integer(0, 1000, {
        description: "Its part of a shard's traffic next to the other replicas.",
        why: 'All replicas alike.',
      }).default(1),
    }),
    'workers',
    { description: 'Every worker. Each shard must be on at least one.' },
  ),
});

export type TopologyDocument = z.output<typeof topologySchema>;
