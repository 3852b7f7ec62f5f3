/** What a config must fulfil beyond each value's own type. */
import type { Config } from './schema.ts';

export interface BrokenRule {
  readonly key: string;
  readonly message: string;
}

export function brokenRules(config: Config): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const { service, topology, root, worker } = config;
  if ((service.proto === undefined) === (service.descriptor === undefined)) {
    const got = service.proto === undefined ? 'neither' : 'both';
    broken.push({ key: 'service', message: `expected either "proto" or "descriptor", got ${got}` });
  }
  if (topology !== undefined && (topology.static === undefined) === (topology.file === undefined)) {
    const got = topology.static === undefined ? 'neither' : 'both';
    broken.push({ key: 'topology', message: `expected either "static" or "file", got ${got}` });
  }
  for (const [key, tls] of [
    ['root.tls', root.tls],
    ['worker.tls', worker.tls],
  ] as const) {
    if (tls?.client_auth === true && tls.ca === undefined) {
      broken.push({ key, message: 'expected "ca" where client_auth is true, got none' });
    }
  }
  const linkTls = root.link.tls;
  if (linkTls !== undefined && (linkTls.cert === undefined) !== (linkTls.key === undefined)) {
    const missing = linkTls.cert === undefined ? 'cert' : 'key';
    broken.push({
      key: 'root.link.tls',
      message: `expected "cert" and "key" together, "${missing}" is missing`,
    });
  }
  const count = config.shards?.count;
  if (worker.shards?.length === 0) {
    broken.push({ key: 'worker.shards', message: 'expected at least one shard, got []' });
  }
  for (const [i, shard] of (worker.shards ?? []).entries()) {
    if (worker.shards?.indexOf(shard) !== i) {
      broken.push({ key: `worker.shards.${i}`, message: `expected each shard once, got ${shard} again` });
    }
    if (count !== undefined && shard >= count) {
      broken.push({
        key: `worker.shards.${i}`,
        message: `expected a shard from 0 to ${count - 1} (shards.count is ${count}), got ${shard}`,
      });
    }
  }
  return broken;
}
