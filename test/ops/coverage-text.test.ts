/** What `regather call` prints of an answer's coverage, from the trailer's bytes. */
import { Metadata } from '@grpc/grpc-js';
import test from 'ava';
import { coverageOf, coverageText } from '../../cli/rpc/coverage.ts';
import { type Coverage, encodeCoverage } from '../../root/coverage.ts';

function printed(coverage: Coverage): string {
  const trailer = new Metadata();
  trailer.set('regather-coverage-bin', encodeCoverage(coverage));
  return coverageText(coverageOf(trailer)!);
}

test('shards, documents and causes', (t) => {
  const detail = 'enough was in after 319 ms';
  t.is(
    printed({
      expected: 4,
      answered: 3,
      documents: { expected: 360_000, answered: 240_000 },
      missing: [{ shard: 0, cause: 'not_awaited', detail, attempts: 1 }],
      epoch: 12,
    }),
    `3 of 4 shards, 240000 of 360000 documents, missing shard 0 (NOT_AWAITED, 1 attempt: ${detail}), epoch 12`,
  );
});

test('documents that are all missing are told, and none are where nobody counts them', (t) => {
  const missing = [{ shard: 0, cause: 'timeout', detail: '', attempts: 2 }] as const;
  const none = { expected: 1, answered: 0, missing, epoch: 1 };
  t.is(
    printed({ ...none, documents: { expected: 7, answered: 0 } }),
    '0 of 1 shard, 0 of 7 documents, missing shard 0 (TIMEOUT, 2 attempts), epoch 1',
  );
  t.is(
    printed({ ...none, documents: undefined }),
    '0 of 1 shard, missing shard 0 (TIMEOUT, 2 attempts), epoch 1',
  );
});
