/** The model of the root's core under random workers: checks G2, G3, G4 (to the byte) and G5. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import fc from 'fast-check';
import { codecs, isEnough, reference, run, sumOf, world } from '../kit/root-model.ts';

test('random parts, order, duplicates, failures, retries and placements: G2, G3 and G4 hold', (t) => {
  const bytesOf = new Map<string, string>();
  const seen = {
    complete: 0,
    partial: 0,
    failed: 0,
    retried: 0,
    hedged: 0,
    won: 0,
    probed: 0,
    beside: 0,
    twice: 0,
    early: 0,
  };
  fc.assert(
    fc.property(world, (given) => {
      const { code, payload, coverage, started, replies, openCalls, spent, hedgesWon, beside } = run(given);
      t.is(replies, 1, 'exactly one reply');
      t.is(openCalls, 0, 'every leaf call ended');
      const missing = new Set<number>();
      for (const { shards, count } of coverage.missing) {
        let counted = 0;
        for (const { first, last } of shards) for (let s = first; s <= last; s++, counted++) missing.add(s);
        t.is(counted, count);
      }
      t.is(coverage.expected, given.shards);
      t.is(coverage.answered + missing.size, given.shards, 'expected == answered + missing');
      if (given.trouble === 0 && given.hurry === 0) t.is(code, status.OK);
      // Not idempotent: begun at most once.
      if (given.method === 'Count') for (const times of started) t.true(times <= 1);
      else for (const times of started) t.true(times <= 3, 'one hedge and one retry');
      t.true(spent.hedge + spent.retry + spent.probe <= given.burst + 1, 'within the budget');
      if (spent.retry > 0) seen.retried++;
      if (spent.hedge > 0) seen.hedged++;
      if (hedgesWon > 0) seen.won++;
      if (spent.probe > 0) seen.probed++;
      if (beside > 0) seen.beside++;
      if (spent.hedge > 0 && spent.retry > 0) seen.twice++;
      const covered = Array.from({ length: given.shards }, (_, shard) => shard).filter(
        (s) => !missing.has(s),
      );
      t.is(
        code === status.OK,
        isEnough(given, covered),
        'an answer is what has its minimum, and nothing else is',
      );
      if (given.enough.documents) {
        const all = Array.from({ length: given.shards }, (_, shard) => shard);
        t.is(coverage.expectedDocuments, String(sumOf(all)));
        t.is(coverage.answeredDocuments, String(sumOf(covered)));
      }
      const early = coverage.missing.some(({ cause }) => cause === 'NOT_AWAITED');
      if (early) seen.early++;
      if (code !== status.OK) {
        seen.failed++;
        t.false(early, 'what lacks its minimum is waited for');
        return;
      }
      if (missing.size > 0) {
        seen.partial++;
        t.is(given.method, 'Some');
      } else seen.complete++;
      const { coverage: _, ...answer } = codecs.get(given.method)!.decodeResponse(payload!) as Record<
        string,
        unknown
      >;
      const { coverage: __, ...expected } = reference(given.method, covered);
      t.deepEqual(answer, expected, 'each covered shard is in the answer once, and wholly');
      // G4: the same shards give the same bytes, however they came. Coverage excepted: only complete answers have equal ones.
      if (missing.size > 0) return;
      const key = `${given.shards} ${given.enough.documents}`;
      const hex = payload!.toString('hex');
      t.is(bytesOf.get(key) ?? hex, hex);
      bytesOf.set(key, hex);
    }),
    { numRuns: 4000, includeErrorInReport: true },
  );
  // The model is worth nothing if it never gets where it hurts.
  for (const [what, times] of Object.entries(seen)) t.true(times > 20, `${what}: ${times}`);
});
