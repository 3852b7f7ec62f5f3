/** What of a client's metadata travels to the shards, and reserved keys. */
import type { Metadata } from '@grpc/grpc-js';
import type { LeafMetadata } from './leaf-call.ts';

/** Names the shard of a plain call. */
export const SHARD_KEY = 'regather-shard';
/** Marks a request that comes from a root: limits are rewritten already, and the answer is a partial. */
export const LEAF_KEY = 'regather-leaf';
/** How much coverage a request asks for, where that isn't its method's `min_coverage`. */
export const MIN_COVERAGE_KEY = 'regather-min-coverage';

const NOTHING: LeafMetadata = [];

/** All of it (authentication, tracing …) but what is reserved or the transport's. */
export function leafMetadata(metadata: Metadata): LeafMetadata {
  let kept: [string, string | Buffer][] | undefined;
  const all = metadata.toJSON();
  for (const key in all) {
    if (!travels(key)) continue;
    for (const value of all[key]!) {
      kept ??= [];
      kept.push([key, value]);
    }
  }
  return kept ?? NOTHING;
}

/** `regather-` is ours, `grpc-` the transport's, and the sender's user agent isn't the client's. */
function travels(key: string): boolean {
  return !(
    key === 'user-agent' ||
    key === 'host' ||
    key === 'content-length' ||
    key.startsWith('regather-') ||
    key.startsWith('grpc-') ||
    key.startsWith(':')
  );
}
