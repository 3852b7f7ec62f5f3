/** From what a person wrote to a Topology, or to what is wrong with it. */
import type { TopologyDocument } from '../../shared/config/topology-schema.ts';
import type { KeyPath } from '../../shared/config/yaml-document.ts';
import type { Topology, TopologyWorker } from './topology.ts';

export interface TopologyProblem {
  /** Within the document: ['workers', 2, 'shards', 0]. */
  readonly path: KeyPath;
  readonly message: string;
}

export interface TopologyShape {
  readonly shardCount: number;
  readonly virtualShards: number;
}

export function topologyProblems(
  document: TopologyDocument,
  { shardCount }: TopologyShape,
): TopologyProblem[] {
  const problems: TopologyProblem[] = [];
  const ids = new Set<string>();
  const addresses = new Map<string, string>();
  const hosted = new Set<number>();
  for (const [i, worker] of document.workers.entries()) {
    if (ids.has(worker.id)) {
      problems.push({
        path: ['workers', i, 'id'],
        message: `expected a unique id, got "${worker.id}" again`,
      });
    }
    ids.add(worker.id);
    const other = addresses.get(worker.address);
    if (other !== undefined) {
      const message = `expected a unique address, got that of "${other}": ${worker.address}`;
      problems.push({ path: ['workers', i, 'address'], message });
    }
    addresses.set(worker.address, worker.id);
    if (worker.address.endsWith(':0')) {
      const message = `expected a port from 1 to 65535, got ${worker.address}`;
      problems.push({ path: ['workers', i, 'address'], message });
    }
    const own = new Set<number>();
    for (const [j, shard] of worker.shards.entries()) {
      const path = ['workers', i, 'shards', j];
      if (shard >= shardCount) {
        const message = `expected a shard from 0 to ${shardCount - 1} (shards.count is ${shardCount}), got ${shard}`;
        problems.push({ path, message });
      } else if (own.has(shard)) {
        problems.push({ path, message: `expected each shard once in a worker, got ${shard} again` });
      }
      own.add(shard);
      hosted.add(shard);
    }
  }
  const { documents } = document;
  if (documents !== undefined) {
    if (documents.length !== shardCount) {
      const message = `expected a number of documents for each of ${shardCount} shards (shards.count), got ${documents.length}`;
      problems.push({ path: ['documents'], message });
    }
    const sum = documents.reduce((total, count) => total + count, 0);
    if (sum > Number.MAX_SAFE_INTEGER) {
      const message = `expected ${Number.MAX_SAFE_INTEGER} documents in all at most, got ${sum}`;
      problems.push({ path: ['documents'], message });
    }
  }
  const missing: number[] = [];
  for (let shard = 0; shard < shardCount; shard++) if (!hosted.has(shard)) missing.push(shard);
  if (missing.length > 0) {
    const some = missing.slice(0, 10).join(', ') + (missing.length > 10 ? ', …' : '');
    const message = `expected every shard on a worker, ${missing.length} of ${shardCount} are on none: ${some}`;
    problems.push({ path: ['workers'], message });
  }
  return problems;
}

/** Only for a document without problems. */
export function toTopology(document: TopologyDocument, shape: TopologyShape, epoch: number): Topology {
  const workers = document.workers.map(
    (worker): TopologyWorker => ({
      id: worker.id,
      address: worker.address,
      shards: [...worker.shards].sort((a, b) => a - b),
      weight: worker.weight,
      ...(worker.admin === undefined ? {} : { admin: worker.admin }),
      ...(worker.zone === undefined ? {} : { zone: worker.zone }),
    }),
  );
  workers.sort((a, b) => (a.id < b.id ? -1 : 1));
  const { documents } = document;
  return {
    epoch,
    shardCount: shape.shardCount,
    virtualShards: shape.virtualShards,
    ...(documents === undefined ? {} : { documents }),
    workers,
  };
}
