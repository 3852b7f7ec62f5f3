/** How hits are merged by hand: protobufjs decodes the partials, the best are chosen, protobufjs encodes the answer. */
import Long from 'long';
import type { Codec } from '../echo/codec.ts';

export interface SearchHit {
  id: string;
  score: number;
  title: string;
}

export interface SearchResponse {
  hits: SearchHit[];
  total: Long | number;
}

export type SearchMerge = (partials: readonly Uint8Array[], limit: number) => Uint8Array;

/** As most write it: everything into one list, sort, cut. */
export function bySorting(codec: Codec<SearchResponse>): SearchMerge {
  return (partials, limit) => {
    const hits: SearchHit[] = [];
    let total: Long = Long.ZERO;
    for (const partial of partials) {
      const { hits: some, total: part } = codec.decode(partial);
      for (const hit of some) hits.push(hit);
      total = total.add(part as Long);
    }
    hits.sort(compareHits);
    hits.length = Math.min(hits.length, limit);
    return codec.encode({ hits, total });
  };
}

/** As one writes it who knows that shards send sorted hits: stop reading a shard at its first hit that is too bad. */
export function bySelecting(codec: Codec<SearchResponse>): SearchMerge {
  return (partials, limit) => {
    const best: SearchHit[] = [];
    let total: Long = Long.ZERO;
    for (const partial of partials) {
      const { hits, total: part } = codec.decode(partial);
      total = total.add(part as Long);
      for (const hit of hits) {
        if (best.length === limit) {
          if (compareHits(hit, best[limit - 1]!) >= 0) break;
          best.pop();
        }
        insert(best, hit);
      }
    }
    return codec.encode({ hits: best, total });
  };
}

function insert(best: SearchHit[], hit: SearchHit): void {
  let low = 0;
  let high = best.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareHits(best[middle]!, hit) < 0) low = middle + 1;
    else high = middle;
  }
  best.splice(low, 0, hit);
}

function compareHits(a: SearchHit, b: SearchHit): number {
  return b.score - a.score || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
