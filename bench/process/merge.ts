/** The process in which the merge scenario's arms take turns: one heap, collected before every turn. */
import { fileURLToPath } from 'node:url';
import { codecOf, loadTypes } from '../echo/codec.ts';
import { bySelecting, bySorting, type SearchMerge, type SearchResponse } from '../peers/merge-search.ts';
import { wireMerge } from '../regather/wire-merge.ts';
import { serveParent } from './child.ts';

const protoFile = fileURLToPath(new URL('../scenarios/merge.proto', import.meta.url));
const codec = codecOf<SearchResponse>(loadTypes(protoFile).lookupType('bench.v1.SearchResponse'));

const makeMerge: Record<string, () => SearchMerge> = {
  'decode-sort': () => bySorting(codec),
  'decode-select': () => bySelecting(codec),
  wire: () => wireMerge(protoFile, 'Search'),
};

const merges = new Map<string, SearchMerge>();
let partials: Buffer[] = [];
let limit = 0;

interface Setup {
  readonly arms: readonly string[];
  readonly partials: number;
  readonly hits: number;
  readonly limit: number;
}

serveParent({
  /** Makes the partials and compares every arm's bytes; what differs is an error. */
  setup: (body: Setup) => {
    limit = body.limit;
    partials = Array.from({ length: body.partials }, (_, shard) =>
      codec.encode(makePartial(shard, body.hits)),
    );
    for (const arm of body.arms) merges.set(arm, makeMerge[arm]!());
    let expected: Buffer | undefined;
    for (const [arm, merge] of merges) {
      const answer = Buffer.from(merge(partials, limit));
      expected ??= answer;
      if (!answer.equals(expected)) {
        throw new Error(
          `${arm} answers other bytes than ${body.arms[0]}: ${answer.length} and ${expected.length} bytes, ` +
            `different from byte ${answer.findIndex((byte, i) => byte !== expected![i])}`,
        );
      }
    }
    return {
      partialBytes: partials.reduce((sum, one) => sum + one.length, 0),
      answerBytes: expected!.length,
    };
  },
  /** Merges for so long; µs per merge. */
  turn: (body: { arm: string; seconds: number }) => {
    const merge = merges.get(body.arm)!;
    (globalThis as { gc?: () => void }).gc!();
    const start = performance.now();
    const end = start + body.seconds * 1000;
    let merged = 0;
    let now = start;
    while (now < end) {
      for (let i = 0; i < 8; i++) merge(partials, limit);
      merged += 8;
      now = performance.now();
    }
    return ((now - start) * 1000) / merged;
  },
});

/** A shard's page: its best hits, best first, the same in every run. */
function makePartial(shard: number, count: number): SearchResponse {
  const random = xorshift(shard + 1);
  const hits = Array.from({ length: count }, () => {
    const number = random();
    return {
      id: `document-${String(number % 10_000_000).padStart(7, '0')}`,
      score: number / 2 ** 32,
      title:
        `A title of the usual length, such as people give to what they write: number ${number % 1000}`.padEnd(
          89,
          '.',
        ),
    };
  });
  hits.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  return { hits, total: 1000 + shard };
}

function xorshift(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
