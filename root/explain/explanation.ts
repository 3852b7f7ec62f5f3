/** What happened to a request, from what its scatter and its attempts noted. */
import { statusName } from '../../shared/errors/status-names.ts';
import type { Attempt, AttemptKind } from '../attempt.ts';
import type { Cause, Missing } from '../coverage.ts';
import { explainPlan } from '../plan/explain.ts';
import type { RequestPlan } from '../plan.ts';
import type { ExtraWork } from '../replicas/budget.ts';
import type { NotHedged } from '../replicas/hedge.ts';
import type { Scatter } from '../scatter.ts';
import { verdictOf } from './verdict.ts';

/** All times are µs; of moments, since the request began. */
export interface Explanation {
  verdict: string;
  readonly method: string;
  readonly scatter: string;
  readonly tasks: number;
  readonly epoch: number;
  readonly reducers: readonly string[];
  readonly totalUs: number;
  readonly allowedUs: number;
  readonly admissionUs: number;
  readonly planUs: number;
  readonly mergeUs: number;
  readonly hedging: number | NotHedged | undefined;
  readonly sent: Readonly<Record<AttemptKind, number>>;
  readonly budgetLeft: number;
  readonly hedgesLeft: number;
  /** The last to be decided first. */
  readonly shards: readonly ExplainedShard[];
}

export interface ExplainedShard {
  readonly shard: number;
  readonly missing: Cause | undefined;
  /** Why it wasn't hedged though it outlived the delay. What keeps the request as a whole from it is in `hedging`. */
  readonly notHedged: NotHedged | undefined;
  readonly attempts: readonly ExplainedAttempt[];
  readonly decidedUs: number;
}

export type Outcome = 'answered' | 'beaten' | 'failed' | 'timed_out' | 'cancelled';

export interface ExplainedAttempt {
  readonly kind: AttemptKind;
  readonly worker: string;
  readonly outcome: Outcome;
  readonly startedUs: number;
  readonly tookUs: number;
  readonly queueUs: number;
  readonly serviceUs: number;
  readonly heldUs: number;
  readonly wireUs: number;
  readonly detail: string;
}

/** Moments are on the clock, ms. */
export interface Moments {
  readonly startedAt: number;
  readonly plannedAt: number;
  /** NaN: it never was. */
  readonly admittedAt: number;
  readonly mergeMs: number;
  readonly endedAt: number;
  readonly deadline: number;
  /** The deadline ended it. */
  readonly timeUp: boolean;
}

export function explain(
  plan: RequestPlan,
  epoch: number,
  scatter: Scatter | undefined,
  missing: readonly Missing[],
  tokens: ExtraWork['tokens'],
  moments: Moments,
): Explanation {
  const { startedAt, plannedAt, admittedAt, endedAt, deadline, mergeMs, timeUp } = moments;
  const since = (at: number): number => microseconds(at - startedAt);
  const causes = new Map(missing.map(({ shard, cause }) => [shard, cause]));
  const byShard = new Map<number, Attempt[]>(plan.tasks.map(({ shard }) => [shard, []]));
  const sent: Record<AttemptKind, number> = { primary: 0, hedge: 0, retry: 0, probe: 0 };
  for (const attempt of scatter?.attempts ?? []) {
    for (const { shard } of attempt.share.tasks) {
      sent[attempt.kindOf(shard)]++;
      byShard.get(shard)!.push(attempt);
    }
  }
  const shards = [...byShard].map(([shard, attempts]): ExplainedShard => {
    const cause = causes.get(shard);
    const winner = cause === undefined ? firstToAnswer(attempts, shard) : undefined;
    const explained = attempts.map((attempt) =>
      explainAttempt(attempt, shard, winner, since, endedAt, timeUp),
    );
    const last = Math.max(0, ...explained.map(({ startedUs, tookUs }) => startedUs + tookUs));
    const won = winner === undefined ? undefined : explained[attempts.indexOf(winner)]!;
    const decidedUs = won === undefined ? last : won.startedUs + won.tookUs;
    const hedged = attempts.some(({ kind }) => kind === 'hedge');
    const alone = attempts.find((one) => one.notHedged?.has(shard));
    const notHedged = hedged ? undefined : alone?.notHedged?.get(shard);
    return { shard, missing: cause, notHedged, attempts: explained, decidedUs };
  });
  // Of those that came together, the one that the others waited for.
  shards.sort((a, b) => b.decidedUs - a.decidedUs || heldUs(a) - heldUs(b) || a.shard - b.shard);
  const explained = explainPlan(plan);
  const waitedUntil = Number.isNaN(admittedAt) ? endedAt : admittedAt;
  const explanation: Explanation = {
    verdict: '',
    method: explained.method,
    scatter: explained.scatter,
    tasks: plan.tasks.length,
    epoch,
    reducers: explained.reducers.map(({ field, merge }) => `${field}: ${merge}`),
    totalUs: since(endedAt),
    allowedUs: since(deadline),
    admissionUs: microseconds(waitedUntil - plannedAt),
    planUs: since(plannedAt),
    mergeUs: microseconds(mergeMs),
    hedging: scatter?.hedging,
    sent,
    budgetLeft: Math.floor(tokens.all),
    hedgesLeft: Math.floor(Math.min(tokens.hedge, tokens.all)),
    shards,
  };
  explanation.verdict = verdictOf(explanation, !Number.isNaN(admittedAt));
  return explanation;
}

/** Others may have answered as well, before they heard that they were beaten. */
function firstToAnswer(attempts: readonly Attempt[], shard: number): Attempt | undefined {
  let first: Attempt | undefined;
  let firstAt = Number.POSITIVE_INFINITY;
  for (const attempt of attempts) {
    const at = answeredAt(attempt, shard) ?? Number.POSITIVE_INFINITY;
    if (at >= firstAt) continue;
    first = attempt;
    firstAt = at;
  }
  return first;
}

/** When the attempt answered the task, on the clock. Of a stream: when it ended well. */
function answeredAt(attempt: Attempt, shard: number): number | undefined {
  const answer = attempt.answers?.find((one) => one.shard === shard);
  if (answer !== undefined) return answer.at;
  const { outcome } = attempt;
  if (outcome === undefined || attempt.failed(shard)) return undefined;
  return outcome.failures.some((failure) => failure.shard === shard) ? undefined : attempt.endedAt;
}

function explainAttempt(
  attempt: Attempt,
  shard: number,
  winner: Attempt | undefined,
  since: (at: number) => number,
  endedAt: number,
  timeUp: boolean,
): ExplainedAttempt {
  const answer = attempt.answers?.find((one) => one.shard === shard);
  const failure = attempt.outcome?.failures.find((one) => one.shard === shard);
  const wonAt = winner === undefined ? undefined : answeredAt(winner, shard);
  let outcome: Outcome;
  let until = attempt.ended ? attempt.endedAt : endedAt;
  if (attempt === winner) {
    outcome = 'answered';
    until = wonAt!;
  } else if (attempt.failed(shard) || (failure !== undefined && !attempt.cancelled)) outcome = 'failed';
  else if (wonAt !== undefined) {
    outcome = 'beaten';
    until = Math.min(until, wonAt);
  } else outcome = timeUp ? 'timed_out' : 'cancelled';
  const startedUs = since(attempt.startedAt);
  const tookUs = Math.max(0, since(Math.min(until, endedAt)) - startedUs);
  // Of streams and failures it is told at the end, of the call as a whole.
  const queueUs = answer?.queueUs ?? attempt.outcome?.queueUs ?? 0;
  const serviceUs = answer?.serviceUs ?? attempt.outcome?.serviceUs ?? 0;
  const known = (outcome === 'answered' || outcome === 'failed') && (queueUs > 0 || serviceUs > 0);
  const heldUs = Math.max(0, (answer?.heldUs ?? queueUs + serviceUs) - queueUs - serviceUs);
  return {
    kind: attempt.kindOf(shard),
    worker: attempt.share.worker.id,
    outcome,
    startedUs,
    tookUs,
    queueUs: known ? queueUs : 0,
    serviceUs: known ? serviceUs : 0,
    heldUs: known ? heldUs : 0,
    wireUs: known ? Math.max(0, tookUs - queueUs - serviceUs - heldUs) : 0,
    detail:
      outcome === 'failed' && failure !== undefined ? `${statusName(failure.code)}: ${failure.message}` : '',
  };
}

function heldUs({ attempts }: ExplainedShard): number {
  return attempts.find(({ outcome }) => outcome === 'answered')?.heldUs ?? 0;
}

function microseconds(ms: number): number {
  return Math.max(0, Math.round(ms * 1000));
}
