/** What unary and streaming answers have in common: accept ▸ plan ▸ scatter, and what becomes of failures. */
import type { EventEmitter } from 'node:events';
import { type Metadata, type ServerUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import type { Merger } from '../shared/merge/merger.ts';
import type { RootMethodMetrics } from '../shared/metrics/root.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import { type Accepted, accept } from './accept.ts';
import { AnswerCandidate } from './admission/answer-candidate.ts';
import type { MethodLatency } from './admission/latency.ts';
import { type AnswerTrace, traceAnswer } from './answer-trace.ts';
import type { Attempt } from './attempt.ts';
import type { Collector, FinishReason } from './collector.ts';
import {
  type Cause,
  COVERAGE_KEY,
  type Coverage,
  documentsWithout,
  type Missing,
  shareOf,
} from './coverage.ts';
import { EXPLAIN_TRAILER } from './explain/asked.ts';
import { encodeExplanation } from './explain/encode.ts';
import { explain } from './explain/explanation.ts';
import { coverageFailure, errorFailure, type Failure, withheldFailure, withPushback } from './finish.ts';
import { EARLY_MS } from './hedge-rounds.ts';
import { composed, type InnerCoverage, readInnerCoverage } from './inner-coverage.ts';
import { type Minimum, meets, minimumOf } from './minimum.ts';
import { planRequest, type RequestPlan, requestBytes } from './plan.ts';
import type { MethodPolicy } from './policy.ts';
import type { MethodTail } from './replicas/method-tail.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import type { MergeTime } from './reserve.ts';
import { Scatter } from './scatter.ts';
import type { ServingContext } from './serving.ts';

/** What all answers of a method share. */
export interface ServedMethod {
  readonly plan: MethodPlan;
  /** ALL and SPLIT, unary. */
  readonly merger: Merger | undefined;
  readonly policy: MethodPolicy;
  readonly tail: MethodTail;
  readonly metrics: RootMethodMetrics;
  /** What its answers take from being admitted. */
  readonly latency: MethodLatency;
  readonly merging: MergeTime;
}

type AnyCall = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;

const NO_MISSING: readonly Missing[] = [];

export abstract class Answer<C extends AnyCall> implements Collector {
  protected readonly serving: ServingContext;
  protected readonly method: ServedMethod;
  protected readonly call: C;
  protected plan!: RequestPlan;
  protected replicas!: ReplicaSet;
  protected minimum!: Minimum;
  /** Of the shards asked, by shard; undefined: they don't count. */
  protected documents: readonly number[] | undefined;
  protected scatter: Scatter | undefined;
  /** How long it took, when it has been done. */
  protected mergeMs = 0;
  /** For explain only. */
  #plannedAt = Number.NaN;
  #missing = NO_MISSING;
  /** With what is missing below its shards. */
  #lacking = NO_MISSING;
  #timeUp = false;
  #trace: AnswerTrace | undefined;
  /** For its span. */
  #failure = '';
  protected readonly startedAt: number;
  protected accepted!: Accepted;
  /** Of shards that are roots themselves. */
  protected inner: Map<number, InnerCoverage> | undefined;
  /** Leaf calls that it is admitted with. */
  #units = 0;
  /** It had to wait. */
  #candidate: AnswerCandidate | undefined;
  /** On the clock; -1: it isn't. */
  protected admittedAt = -1;
  #done = false;

  constructor(serving: ServingContext, method: ServedMethod, call: C) {
    this.serving = serving;
    this.method = method;
    this.call = call;
    this.startedAt = serving.clock.now();
  }

  start(): void {
    const { serving, call } = this;
    const { plan: method } = this.method;
    serving.metrics.inFlight.inc();
    this.#trace = traceAnswer(method, (call as { metadata: Metadata }).metadata);
    try {
      this.accepted = accept(call, method, this.method.merging, this.startedAt);
      this.#plan();
      if (this.accepted.explainBytes > 0) this.#plannedAt = serving.clock.now();
    } catch (thrown) {
      this.fail(errorFailure(thrown));
      return;
    }
    if (this.accepted.deadline <= this.startedAt) {
      this.refuse(tooLate(this.accepted.timeoutMs), 'timeout');
      return;
    }
    (call as EventEmitter).on('cancelled', this.#left);
    this.#units = Math.min(this.plan.tasks.length, this.replicas.topology.workers.length);
    if (serving.admission.enter(this.#units)) this.#admitted();
    else this.#wait();
  }

  #plan(): void {
    const { serving, call, accepted } = this;
    const { plan: method } = this.method;
    const replicas = serving.replicas();
    const { topology } = replicas;
    this.replicas = replicas;
    this.plan = planRequest(method, call.request, topology, { leaf: accepted.leaf, pick: serving.pick });
    this.minimum = minimumOf(method, accepted.minCoverage ?? method.minCoverage, this.plan.tasks.length);
    if (method.scatter.to === 'ALL') this.documents = topology.documents;
    this.#trace?.planned(this.plan, topology.epoch);
  }

  #wait(): void {
    const { admission } = this.serving;
    const { priority, deadline } = this.accepted;
    this.#candidate = new AnswerCandidate({
      units: this.#units,
      sizeBytes: requestBytes(this.call.request, this.plan),
      priority,
      deadline,
      latency: this.method.latency,
      admission,
      admitted: () => this.#admitted(),
      shed: (error, pushbackMs) => this.refuse(error, 'shed', pushbackMs),
    });
    admission.wait(this.#candidate);
  }

  #admitted(): void {
    const { serving } = this;
    this.admittedAt = this.#candidate === undefined ? this.startedAt : serving.clock.now();
    this.#trace?.admitted(this.admittedAt - this.startedAt);
    // The workers that it was planned for may be gone: it has begun nothing, so it goes by the topology that there is now.
    if (serving.replicas() !== this.replicas) {
      try {
        this.#plan();
      } catch (thrown) {
        this.fail(errorFailure(thrown));
        return;
      }
    }
    this.scatter = new Scatter(
      {
        plan: this.plan,
        replicas: this.replicas,
        metadata: this.accepted.metadata,
        deadline: this.accepted.deadline,
        priority: this.accepted.priority,
        policy: this.method.policy,
        tail: this.method.tail,
        partial: this.minimum.share < 1,
        minCoverage: this.accepted.minCoverage,
        explain: this.accepted.explainBytes > 0,
        trace: this.#trace,
      },
      serving.scatter,
      this,
    );
    this.planned();
    this.scatter.start();
  }

  // Collector

  abstract part(
    attempt: Attempt,
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
  ): void;

  below(shard: number, coverage: Uint8Array): void {
    // Of one that came second nothing is merged: what it lacks, or has, isn't the answer's.
    if (this.has(shard)) return;
    const inner = readInnerCoverage(coverage);
    if (inner === undefined) {
      throw new RegatherError(
        'PARTIAL_MALFORMED',
        `Expected the coverage of what is below shard ${shard} to add up (${COVERAGE_KEY}), got ${Buffer.from(coverage.subarray(0, 64)).toString('hex')}`,
      );
    }
    this.inner ??= new Map();
    this.inner.set(shard, inner);
  }

  abstract ended(shard: number): void;
  abstract isHeldUp(attempt: Attempt): boolean;
  abstract has(shard: number): boolean;
  abstract readonly complete: boolean;
  abstract restartable(shard: number): boolean;
  lost(_shard: number): void {}
  /** Of a stream all that comes is wanted: what a late shard has to say can't be told from its items so far. */
  enoughAt(_now: number): number {
    return Number.POSITIVE_INFINITY;
  }

  finished(why: FinishReason): void {
    this.#timeUp = why === 'deadline';
    if (why === 'cancelled') {
      // Nobody is there to hear it; grpc-js still wants its end.
      this.fail(errorFailure(new RegatherError('CANCELLED', 'the client left')));
      return;
    }
    if (this.complete) {
      this.settle(NO_MISSING);
    } else if (why === 'enough') {
      const afterMs = Math.round(this.serving.clock.now() - this.startedAt);
      this.settle(this.scatter!.missing('not_awaited', `enough was in after ${afterMs} ms`));
    } else if (why === 'in_vain') {
      this.settle(this.scatter!.missing('cancelled', 'given up, because another shard turned its task away'));
    } else {
      const limit = `${Math.round(this.accepted.timeoutMs)} ms`;
      this.settle(this.scatter!.missing('timeout', `no answer within ${limit}`));
    }
  }

  /** The request is planned, nothing is sent yet. */
  protected abstract planned(): void;
  /** Hands over what was gathered, which is enough. `missing`: of this root's own tasks. */
  protected abstract deliver(coverage: Coverage, missing: readonly Missing[]): void;
  protected abstract sendFailure(failure: Failure): void;

  /** An answer if enough shards are in it, or a failure. */
  protected settle(missing: readonly Missing[]): void {
    const coverage = this.#cover(missing);
    if (meets(this.minimum, coverage, this.plan.tasks.length - missing.length)) {
      this.method.metrics.coverage.observe(shareOf(coverage));
      this.deliver(coverage, missing);
    } else {
      this.fail(coverageFailure(this.minimum, coverage, this.scatter!, this.accepted.leaf));
    }
  }

  /** A planned request fails for a reason of the root's own, whatever shards say: to those that aren't in, `cause` is what happened. */
  protected refuse(error: RegatherError, cause: Cause, pushbackMs?: number): void {
    const detail = error.message;
    const missing =
      this.scatter?.missing(cause, detail) ??
      this.plan.tasks.map(({ shard }) => ({ shard, cause, detail, attempts: 0 }));
    const coverage = this.#cover(missing);
    if (this.scatter !== undefined) {
      this.withhold(error, coverage);
      return;
    }
    const failure = errorFailure(error, coverage);
    this.fail(pushbackMs === undefined ? failure : withPushback(failure, pushbackMs));
  }

  /** What shards answered can't be handed over. */
  protected withhold(error: RegatherError, coverage: Coverage): void {
    this.fail(withheldFailure(error, coverage, this.accepted.leaf));
  }

  #cover(missing: readonly Missing[]): Coverage {
    this.#missing = missing;
    const { documents } = this;
    const expected = this.plan.tasks.length;
    let coverage: Coverage = {
      expected,
      answered: expected - missing.length,
      documents: documents === undefined ? undefined : documentsWithout(documents, missing),
      missing,
      epoch: this.replicas.topology.epoch,
    };
    if (this.inner !== undefined) coverage = composed(coverage, this.inner, documents);
    this.#lacking = coverage.missing;
    this.#trace?.covered(coverage);
    return coverage;
  }

  protected fail(failure: Failure): void {
    const metadata = this.explained(failure.metadata);
    this.#failure = failure.details;
    this.finish(failure.code);
    this.sendFailure(metadata === failure.metadata ? failure : { ...failure, metadata });
  }

  /** The trailer with the explanation that was asked for, in a copy; itself, if none was. */
  protected explained(trailer: Metadata): Metadata {
    // Also without: what failed before it was planned.
    if (Number.isNaN(this.#plannedAt)) return trailer;
    const { startedAt, admittedAt, accepted } = this;
    const explanation = explain(
      this.plan,
      this.replicas.topology.epoch,
      this.scatter,
      this.#missing,
      this.method.tail.budget.tokens,
      {
        startedAt,
        plannedAt: this.#plannedAt,
        admittedAt: admittedAt < 0 ? Number.NaN : Math.max(admittedAt, this.#plannedAt),
        mergeMs: this.mergeMs,
        endedAt: this.serving.clock.now(),
        deadline: accepted.deadline,
        timeUp: this.#timeUp,
      },
    );
    const own = trailer.clone();
    own.set(EXPLAIN_TRAILER, encodeExplanation(explanation, accepted.explainBytes));
    return own;
  }

  /** Counts it. Before anything is handed over, because that may call back. */
  protected finish(code: number): void {
    this.#done = true;
    // Node's and grpc-js's collections can keep a call that is over until the next full one, and nothing of its answer with it.
    (this.call as EventEmitter).off('cancelled', this.#left);
    this.serving.metrics.inFlight.dec();
    if (this.#lacking.length > 0) this.serving.missing(this.#lacking);
    this.#trace?.end(code, this.#failure);
    const now = this.serving.clock.now();
    const { metrics } = this.method;
    metrics.answered(code, (now - this.startedAt) / 1000);
    if (this.accepted !== undefined) {
      const dueAt = this.startedAt + this.accepted.timeoutMs;
      metrics.overshootSeconds.observe(now > dueAt ? (now - dueAt) / 1000 : 0);
    }
    if (this.admittedAt >= 0) {
      this.serving.admission.done(this.#units, this.method.latency, this.#latencyMs(code, now));
    }
  }

  /** What it tells of the load, if anything. */
  #latencyMs(code: number, now: number): number | undefined {
    // A shard may say DEADLINE_EXCEEDED long before ours: that is a failure like any other.
    const inTime = now < this.accepted.deadline - EARLY_MS;
    const full = code === status.OK || this.#timeUp || (code === status.DEADLINE_EXCEEDED && !inTime);
    return full && this.method.plan.kind === 'unary' ? now - this.admittedAt : undefined;
  }

  /** grpc-js says so at the end of every call, not only when the client leaves. */
  readonly #left = (): void => {
    if (this.#done) return;
    this.method.metrics.cancelled.inc();
    if (this.scatter !== undefined) {
      this.scatter.cancel();
      return;
    }
    this.serving.admission.leave(this.#candidate!);
    this.fail(errorFailure(new RegatherError('CANCELLED', 'the client left')));
  };
}

function tooLate(timeoutMs: number): RegatherError {
  return new RegatherError(
    'DEADLINE_PASSED',
    `the deadline left ${Math.max(0, Math.round(timeoutMs * 10) / 10)} ms, less than it takes to merge an answer`,
  );
}
