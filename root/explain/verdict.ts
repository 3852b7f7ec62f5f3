/** The one line of an explanation: what set the latency. */
import type { ExplainedAttempt, ExplainedShard, Explanation } from './explanation.ts';

export function verdictOf(explanation: Explanation, admitted: boolean): string {
  const { totalUs, admissionUs, planUs, mergeUs, shards } = explanation;
  if (!admitted) return `not admitted: waited ${ms(admissionUs)} and was turned away`;
  const [last] = shards;
  const scatterUs = totalUs - admissionUs - planUs - mergeUs;
  const most = Math.max(admissionUs, planUs, mergeUs, scatterUs);
  if (last === undefined || most !== scatterUs) {
    const what =
      most === admissionUs ? 'waiting to be admitted' : most === mergeUs ? 'merging' : 'planning the request';
    return `${what}: ${ms(most)} of ${ms(totalUs)}`;
  }
  return `${ofShard(last, totalUs)}${hedgeText(explanation, last)}`;
}

function ofShard({ shard, missing, attempts }: ExplainedShard, totalUs: number): string {
  if (attempts.length === 0) return `shard ${shard}: ${missing ?? 'missing'}, no replica could be asked`;
  const answered = attempts.find(({ outcome }) => outcome === 'answered');
  const failed = attempts.filter(({ outcome }) => outcome === 'failed');
  const before = failed
    .filter((attempt) => attempt !== attempts.at(-1))
    .map(({ worker, tookUs }) => `${worker} failed after ${ms(tookUs)}, `)
    .join('');
  if (answered === undefined) {
    const last = attempts.at(-1)!;
    if (last.outcome !== 'failed') {
      return `shard ${shard}: ${before}${last.worker} had not answered after ${ms(last.tookUs)} of ${ms(totalUs)}`;
    }
    return `shard ${shard}: ${before}${last.worker} failed after ${ms(last.tookUs)} of ${ms(totalUs)}: ${last.detail}`;
  }
  const { worker, kind } = answered;
  const extra = kind === 'primary' ? '' : ` (${kind}, sent after ${ms(answered.startedUs)})`;
  return `shard ${shard} on ${worker}${extra}: ${before}${largest(answered)} of ${ms(totalUs)}`;
}

/** The largest part of an attempt's time. */
function largest({ queueUs, serviceUs, heldUs, wireUs, tookUs }: ExplainedAttempt): string {
  const parts: [string, number][] = [
    ['service', serviceUs],
    ['queue', queueUs],
    ['waiting for other shards of its call', heldUs],
    ['network and event loops', wireUs],
  ];
  const [name, us] = parts.reduce((a, b) => (b[1] > a[1] ? b : a));
  return us === 0 ? `answered after ${ms(tookUs)}` : `${name} ${ms(us)}`;
}

function hedgeText({ hedging }: Explanation, { attempts, notHedged }: ExplainedShard): string {
  const hedge = attempts.find(({ kind }) => kind === 'hedge');
  if (hedge !== undefined) {
    return hedge.outcome === 'answered' ? '' : `; its hedge on ${hedge.worker} was no quicker`;
  }
  const why = notHedged ?? hedging;
  return typeof why === 'string' ? `; hedge not sent: ${reasons[why]}` : '';
}

/** Why slow tasks weren't hedged, in words. */
export const reasons = {
  disabled: 'switched off',
  not_idempotent: 'the method is not idempotent',
  streaming: 'the method streams',
  few_samples: 'too little is known of its latency',
  no_time: 'a second attempt had no time left',
  no_replica: 'no other replica',
  replica_busy: 'the other replicas are busy',
  budget: 'budget empty',
  root_late: "the root's event loop is late",
  root_full: 'the root is near its limit',
  all_slow: 'too many tasks are slow',
} as const;

function ms(us: number): string {
  const value = us / 1000;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}
