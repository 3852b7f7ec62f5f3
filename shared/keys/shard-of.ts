/** Which shard owns a key. The rule is public and fixed: data is partitioned by it. docs/reference/keys.md has it for other languages. */
import { checkInteger, highWord, type Key, keyBytes, lowWord } from './key-bytes.ts';
import { xxh32, xxh32Int64 } from './xxh32.ts';

/**
 * Virtual shards that keys hash to unless the topology says otherwise. Enough for hundreds of shards to be within a few per cent of
 * each other, few enough to write a map of them down.
 */
const defaultVirtualShards = 4096;

/** Where a product of two counts must stay exact in a double. */
const maxVirtualShards = 2 ** 20;

/** The shard of a hash in the default map: contiguous ranges of virtual shards whose sizes differ by at most one. */
export function shardOfHash(hash: number, shardCount: number, virtualShards: number): number {
  return Math.floor(((hash % virtualShards) * shardCount) / virtualShards);
}

/**
 * The shard, 0 … `shardCount` - 1, that owns `key`, as the root decides it for KEY and SPLIT.
 *
 * A string hashes as its UTF-8 bytes, bytes as they are, an integer (number or bigint) as 8 bytes, little-endian two's
 * complement: `shardOf(7, n)` and `shardOf('7', n)` differ. Where a codec hands out 64-bit integers as strings, pass `BigInt(id)`.
 *
 * `virtualShards` must be the topology's; default 4096. Throws RangeError for counts or keys out of range.
 */
export function shardOf(key: Key, shardCount: number, virtualShards: number = defaultVirtualShards): number {
  if (!Number.isInteger(virtualShards) || virtualShards < 1 || virtualShards > maxVirtualShards) {
    throw new RangeError(`Expected virtualShards to be 1..${maxVirtualShards}, got ${virtualShards}`);
  }
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > virtualShards) {
    throw new RangeError(`Expected shardCount to be 1..${virtualShards} (virtualShards), got ${shardCount}`);
  }
  let hash: number;
  if (typeof key === 'number') {
    checkInteger(key);
    hash = xxh32Int64(lowWord(key), highWord(key));
  } else {
    hash = xxh32(keyBytes(key));
  }
  return shardOfHash(hash, shardCount, virtualShards);
}
