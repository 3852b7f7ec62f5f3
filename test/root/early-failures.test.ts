/** A shard that gives up before its time says nothing of how long answers take: admission would take it for quickness. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { Admission } from '../../root/admission/admission.ts';
import { startRoot, startWorker } from '../kit/cluster.ts';

test.serial('DEADLINE_EXCEEDED of a shard is no sample of latency, that of the root is', async (t) => {
  const told: (number | undefined)[] = [];
  const { done } = Admission.prototype;
  Admission.prototype.done = function (this: Admission, units, latency, ms) {
    told.push(ms);
    done.call(this, units, latency, ms);
  };
  t.teardown(() => {
    Admission.prototype.done = done;
  });
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1 });
  const { client } = await startRoot(t, [worker]);
  const answer = await client.call('TopK', { text: 'a' });
  t.is(answer.code, status.OK);
  const early = await client.call('TopK', { text: 'b', fault: `fail:${status.DEADLINE_EXCEEDED}` });
  t.not(early.code, status.OK);
  const late = await client.call(
    'TopK',
    { text: 'c', fault: 'hang' },
    { metadata: { 'grpc-timeout': '100m' } },
  );
  t.is(late.code, status.DEADLINE_EXCEEDED);
  t.is(told.length, 3);
  t.true(told[0]! >= 0);
  t.is(told[1], undefined);
  t.true(told[2]! > 80);
});
