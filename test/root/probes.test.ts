/** A replica that fails, hangs and comes back: its breaker's whole life, seen by clients who are never made to wait for it. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../shard/handlers.ts';
import { explainOf, startRoot } from '../kit/cluster.ts';
import { startTopK } from '../kit/top-k-worker.ts';

type Mood = 'well' | 'failing' | 'hanging' | 'slow';

async function setUp(t: ExecutionContext) {
  const seen = { mood: 'well' as Mood, aborted: 0 };
  const handler: Handler<unknown, object> = async (_request, { signal }) => {
    if (seen.mood === 'failing') throw Object.assign(new Error('not now'), { code: status.UNAVAILABLE });
    if (seen.mood === 'well') return {};
    return new Promise((resolve, reject) => {
      if (seen.mood === 'slow') setTimeout(resolve, 60, {});
      signal.addEventListener('abort', () => {
        seen.aborted++;
        reject(signal.reason);
      });
    });
  };
  const workers = [await startTopK(t, 'sick', handler), await startTopK(t, 'sound', () => ({}))];
  const { root, client } = await startRoot(t, workers, {
    policy: {
      breaker: { minCalls: 5, backoffMs: 100, maxBackoffMs: 200 },
      hedge: { enabled: false },
      ejection: { windowMs: 500, minSamples: 2 },
      // A replica that fails is chosen less, and so opens late, if load is looked at.
      balance: { by: 'turns' },
    },
  });
  // The first call of all compiles and connects.
  await client.call('TopK', {});
  const breaker = () => {
    const { shards } = root.status() as {
      shards: { replicas: { worker: string; breaker: string; breakerWhy?: string; ejected?: boolean }[] }[];
    };
    return shards[0]!.replicas.find(({ worker }) => worker === 'sick')!;
  };
  /** Asks one time after the other until then; every answer must be a good one. */
  const askUntil = async (then: () => boolean) => {
    const explained = [];
    while (!then()) {
      const metadata = { 'regather-explain': '1', 'grpc-timeout': '1S' };
      const answer = await client.call('TopK', {}, { metadata });
      t.is(answer.code, status.OK, answer.details);
      explained.push(explainOf(answer));
    }
    return explained.filter(({ shards: [shard] }) =>
      shard.attempts.some(({ kind }: { kind: string }) => kind === 'PROBE'),
    );
  };
  return { seen, breaker, askUntil };
}

test('opened by failures, probed beside the first attempts, reopened by a probe that hangs, closed by three that answer', async (t) => {
  const { seen, breaker, askUntil } = await setUp(t);
  seen.mood = 'failing';
  await askUntil(() => breaker().breaker === 'open');
  t.regex(breaker().breakerWhy!, /^\d+ of \d+ attempts failed$/);
  seen.mood = 'hanging';
  const probed = await askUntil(() => seen.aborted > 0);
  t.true(probed.length > 0);
  for (const { probes, primaries, shards, totalUs } of probed) {
    t.deepEqual([probes, primaries], [1, 1]);
    const [primary, probe] = shards[0].attempts;
    t.like(primary, { kind: 'PRIMARY', worker: 'sound', outcome: 'ANSWERED' });
    t.like(probe, { kind: 'PROBE', worker: 'sick' });
    t.true(totalUs < 900_000, 'nobody waited for the probe');
  }
  seen.mood = 'well';
  await askUntil(() => breaker().breaker === 'closed');
});

test('ejected for being slow, not back while it is, back when it is quick again', async (t) => {
  const { seen, breaker, askUntil } = await setUp(t);
  seen.mood = 'slow';
  await askUntil(() => breaker().ejected === true);
  t.regex(breaker().breakerWhy!, /^slow: its median is \d+ ms, that of its siblings [\d.]+ ms$/);
  seen.mood = 'well';
  await askUntil(() => breaker().breaker === 'closed');
  t.is(breaker().ejected, undefined);
});
