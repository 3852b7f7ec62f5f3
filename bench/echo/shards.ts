/**
 * The echo shards' data and the answer that every arm must give. A shard holds its share of the answer as bytes, so that no arm's
 * figures contain a worker's encoding: 64 bytes in, 200 bytes out.
 */
import { type EchoHit, echoRequest, echoResponse } from './codec.ts';

export const hitLimit = 5;
const textBytes = 60;
const idDigits = 10;

/** 64 bytes. Its number is in the text, so that what a replica does with it can be the same behind every root. */
export function makeRequest(id = 0): Buffer {
  const bytes = echoRequest.encode({ text: textOf(id), limit: hitLimit });
  expectSize('request', bytes, 64);
  return bytes;
}

function textOf(id: number): Buffer {
  return Buffer.alloc(textBytes, `${String(id).padStart(idDigits, '0')} regather regather`);
}

/** The number that `makeRequest` was given. The text comes first in the message. */
export function requestId(request: Uint8Array): number {
  let id = 0;
  for (let i = 2; i < 2 + idDigits; i++) id = id * 10 + request[i]! - 48;
  return id;
}

function hitsOf(shard: number): EchoHit[] {
  return Array.from({ length: hitLimit }, (_, rank) => ({
    id: `doc-${String(shard).padStart(3, '0')}-${String(rank).padStart(4, '0')}`,
    // Best first within a shard, and many shards have some chance to be in the answer.
    score: 1000 - rank * 16 - ((shard * 7) % 16),
  }));
}

function shareOf(shard: number): Buffer {
  return echoResponse.encode({
    matched: 20_000 + shard,
    least: -(20_000 + shard),
    greatest: 2_000_000 + shard,
    hits: hitsOf(shard),
  });
}

/** A shard's handler on bytes: the request's `text` field, which comes first in both messages, then the shard's share. */
export function echoShard(shard: number): (request: Uint8Array) => Uint8Array {
  const share = shareOf(shard);
  const answer = (request: Uint8Array): Uint8Array => {
    const textEnd = 2 + request[1]!;
    const bytes = Buffer.allocUnsafe(textEnd + share.length);
    bytes.set(textEnd === request.length ? request : request.subarray(0, textEnd), 0);
    bytes.set(share, textEnd);
    return bytes;
  };
  expectSize(`answer of shard ${shard}`, answer(makeRequest()), 200);
  return answer;
}

/** What a root must answer the request with, encoded canonically: fields by number. */
export function expectedAnswer(shardCount: number, id = 0): Buffer {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const hits = shards.flatMap(hitsOf).sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  return echoResponse.encode({
    text: textOf(id),
    matched: shards.reduce((sum, shard) => sum + 20_000 + shard, 0),
    least: -(20_000 + shardCount - 1),
    greatest: 2_000_000 + shardCount - 1,
    hits: hits.slice(0, hitLimit),
  });
}

function expectSize(what: string, bytes: Uint8Array, size: number): void {
  if (bytes.length !== size) throw new Error(`Expected the ${what} to be ${size} bytes, got ${bytes.length}`);
}
