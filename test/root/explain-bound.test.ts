/** An explanation within the bytes that were asked for, and its one line. */
import test from 'ava';
import { encodeExplanation } from '../../root/explain/encode.ts';
import type { ExplainedAttempt, ExplainedShard, Explanation } from '../../root/explain/explanation.ts';
import { verdictOf } from '../../root/explain/verdict.ts';
import { decodeExplain } from '../kit/cluster.ts';

const attempt = (over: Partial<ExplainedAttempt> = {}): ExplainedAttempt => ({
  kind: 'primary',
  worker: 'w3',
  outcome: 'answered',
  startedUs: 1_000,
  tookUs: 189_000,
  queueUs: 2_000,
  serviceUs: 181_000,
  heldUs: 0,
  wireUs: 6_000,
  detail: '',
  ...over,
});

const shardOf = (shard: number, ...attempts: ExplainedAttempt[]): ExplainedShard => ({
  shard,
  missing: attempts.some(({ outcome }) => outcome === 'answered') ? undefined : 'unavailable',
  notHedged: undefined,
  attempts,
  decidedUs: 190_000 - shard,
});

const explanation = (over: Partial<Explanation> = {}): Explanation => ({
  verdict: '',
  method: 'TopK',
  scatter: 'ALL',
  tasks: 1,
  epoch: 1,
  reducers: ['hits: top by score desc, id'],
  totalUs: 190_000,
  allowedUs: 1_000_000,
  admissionUs: 0,
  planUs: 500,
  mergeUs: 400,
  hedging: 'budget',
  sent: { primary: 1, hedge: 0, retry: 0, probe: 0 },
  budgetLeft: 0,
  hedgesLeft: 0,
  shards: [shardOf(7, attempt())],
  ...over,
});

test('the verdict names the shard, the worker, the part and why there was no hedge', (t) => {
  const cases: [Partial<Explanation>, string][] = [
    [{}, 'shard 7 on w3: service 181 ms of 190 ms; hedge not sent: budget empty'],
    [
      { shards: [{ ...shardOf(7, attempt()), notHedged: 'replica_busy' }], hedging: 30 },
      'shard 7 on w3: service 181 ms of 190 ms; hedge not sent: the other replicas are busy',
    ],
    [
      { shards: [shardOf(7, attempt({ queueUs: 150_000, serviceUs: 20_000 }))], hedging: 30 },
      'shard 7 on w3: queue 150 ms of 190 ms',
    ],
    [
      {
        shards: [
          shardOf(
            7,
            attempt({ outcome: 'beaten', serviceUs: 0 }),
            attempt({ kind: 'hedge', worker: 'w1', startedUs: 40_000, tookUs: 149_000, serviceUs: 140_000 }),
          ),
        ],
        hedging: 40,
      },
      'shard 7 on w1 (hedge, sent after 40.0 ms): service 140 ms of 190 ms',
    ],
    [
      {
        shards: [
          shardOf(
            7,
            attempt({ outcome: 'failed', tookUs: 100_000 }),
            attempt({ kind: 'retry', worker: 'w1', startedUs: 101_000, tookUs: 88_000, serviceUs: 80_000 }),
          ),
        ],
        hedging: 120,
      },
      'shard 7 on w1 (retry, sent after 101 ms): w3 failed after 100 ms, service 80.0 ms of 190 ms',
    ],
    [{ admissionUs: 150_000 }, 'waiting to be admitted: 150 ms of 190 ms'],
    [{ mergeUs: 120_000 }, 'merging: 120 ms of 190 ms'],
    [
      { shards: [shardOf(7)] },
      'shard 7: unavailable, no replica could be asked; hedge not sent: budget empty',
    ],
  ];
  for (const [over, verdict] of cases) t.is(verdictOf(explanation(over), true), verdict);
  t.is(
    verdictOf(explanation({ admissionUs: 20_000 }), false),
    'not admitted: waited 20.0 ms and was turned away',
  );
});

test('a thousand shards fit what was asked for: the last ones, and the rest in counts', (t) => {
  const shards = Array.from({ length: 1000 }, (_, shard) =>
    shardOf(
      shard,
      attempt({ outcome: 'failed', detail: 'UNAVAILABLE: '.repeat(40) }),
      attempt({ kind: 'retry' }),
    ),
  );
  const whole = explanation({ tasks: 1000, shards, verdict: 'v'.repeat(1000) });
  for (const bytes of [256, 2048, 32_768]) {
    const encoded = encodeExplanation(whole, bytes);
    t.true(encoded.length <= bytes, `${encoded.length} of ${bytes}`);
    const told = decodeExplain(encoded);
    t.true(told.truncated);
    t.is(told.tasks, 1000);
    t.is(told.shards.length + told.shardsLeftOut, 1000);
    t.deepEqual(
      told.shards.map(({ shard }: { shard: number }) => shard),
      shards.slice(0, told.shards.length).map(({ shard }) => shard),
    );
    if (bytes > 256) t.true(told.shards.length >= 10);
  }
});

test('what fits is whole', (t) => {
  const encoded = encodeExplanation(explanation({ verdict: 'because' }), 2048);
  t.like(decodeExplain(encoded), {
    verdict: 'because',
    reducers: ['hits: top by score desc, id'],
    notHedged: 'budget',
    hedgeAfterUs: 0,
    shardsLeftOut: 0,
    truncated: false,
  });
});
