/** One unary answer: accept ▸ plan ▸ scatter ▸ gather ▸ finish. */
import type { Metadata, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import type { Merger, Part } from '../shared/merge/merger.ts';
import type { RootMethodMetrics } from '../shared/metrics/root.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import { type Accepted, accept, ownDeadline } from './accept.ts';
import { type Coverage, coverageTrailer, type Missing } from './coverage.ts';
import { coverageFailure, enough, errorFailure, type Failure } from './finish.ts';
import { Gather } from './gather.ts';
import { planRequest, type RequestPlan } from './plan.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import { type Attempt, type Collector, type FinishReason, Scatter } from './scatter.ts';
import type { ServingContext } from './serving.ts';
import { checkPartial } from './single-partial.ts';

/** What all answers of a method share. */
export interface ServedMethod {
  readonly plan: MethodPlan;
  /** ALL and SPLIT. */
  readonly merger: Merger | undefined;
  readonly metrics: RootMethodMetrics;
}

const NO_MISSING: readonly Missing[] = [];

export class UnaryAnswer implements Collector {
  readonly #serving: ServingContext;
  readonly #method: ServedMethod;
  readonly #call: ServerUnaryCall<Buffer, Buffer>;
  readonly #callback: sendUnaryData<Buffer>;
  readonly #startedAt: number;
  #plan!: RequestPlan;
  #replicas!: ReplicaSet;
  #accepted!: Accepted;
  #gather!: Gather;
  #scatter: Scatter | undefined;
  #single: Uint8Array | undefined;
  #done = false;

  constructor(
    serving: ServingContext,
    method: ServedMethod,
    call: ServerUnaryCall<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ) {
    this.#serving = serving;
    this.#method = method;
    this.#call = call;
    this.#callback = callback;
    this.#startedAt = serving.clock.now();
  }

  start(): void {
    const serving = this.#serving;
    serving.metrics.inFlight.inc();
    const method = this.#method.plan;
    try {
      ownDeadline(this.#call);
      this.#accepted = accept(this.#call, method, this.#startedAt);
      this.#replicas = serving.replicas();
      this.#plan = planRequest(method, this.#call.request, this.#replicas.topology, {
        leaf: this.#accepted.leaf,
        pick: serving.pick,
      });
      if (this.#accepted.deadline <= this.#startedAt) throw tooLate(this.#accepted.timeoutMs);
    } catch (thrown) {
      this.#fail(errorFailure(thrown));
      return;
    }
    const { tasks } = this.#plan;
    const all = tasks.length === this.#replicas.topology.shardCount;
    this.#gather = new Gather(all ? tasks.length : tasks.map(({ shard }) => shard));
    this.#scatter = new Scatter(
      {
        plan: this.#plan,
        replicas: this.#replicas,
        metadata: this.#accepted.metadata,
        deadline: this.#accepted.deadline,
        clock: serving.clock,
        metrics: serving.scatterMetrics,
        retry: serving.retry,
      },
      this,
    );
    this.#call.on('cancelled', () => this.#left());
    this.#scatter.start();
  }

  // Collector

  part(
    _attempt: Attempt,
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
  ): void {
    const { merger, plan } = this.#method;
    this.#serving.metrics.partialBytes.inc(data.length);
    if (merger !== undefined) {
      this.#gather.offer(merger.stage(shards, data, segmentBytes));
      return;
    }
    checkPartial(data, 0, data.length, plan.leaf.response, shards);
    if (this.#gather.complete) return;
    this.#gather.offer({ shards, sizeBytes: data.length });
    this.#single = data;
  }

  ended(): void {}

  has(shard: number): boolean {
    return this.#gather.covers(shard);
  }

  get complete(): boolean {
    return this.#gather.complete;
  }

  restartable(): boolean {
    return true;
  }

  finished(why: FinishReason): void {
    if (why === 'cancelled') {
      // Nobody is there to hear it; grpc-js still wants its end.
      this.#fail(errorFailure(new RegatherError('CANCELLED', 'the client left')));
      return;
    }
    const missing = this.complete
      ? NO_MISSING
      : this.#scatter!.missing('timeout', `no answer within ${Math.round(this.#accepted.timeoutMs)} ms`);
    this.#finish(this.#gather.parts(), missing);
  }

  #finish(parts: readonly Part[], missing: readonly Missing[]): void {
    const method = this.#method.plan;
    const expected = this.#plan.tasks.length;
    const coverage: Coverage = {
      expected,
      answered: expected - missing.length,
      missing,
      epoch: this.#replicas.topology.epoch,
    };
    if (missing.length > 0) this.#serving.missing(missing);
    if (!enough(method, expected, coverage.answered)) {
      this.#fail(coverageFailure(method, coverage, this.#scatter!));
      return;
    }
    let payload: Uint8Array;
    try {
      payload = this.#merge(parts);
    } catch (thrown) {
      const error = RegatherError.from(thrown);
      const again = error.code === 'PARTIAL_MALFORMED' ? without(parts, error, missing) : undefined;
      if (again === undefined) this.#fail(errorFailure(error, coverage));
      else this.#finish(again.parts, again.missing);
      return;
    }
    const { bytes, trailer } = coverageTrailer(coverage);
    if (method.coverageField !== undefined)
      payload = withCoverage(payload, method.coverageField.number, bytes);
    if (payload.length > method.maxAnswerBytes) {
      const text = `the answer has ${payload.length} bytes, the most is ${method.maxAnswerBytes} (max_answer_bytes of ${method.name})`;
      this.#fail(errorFailure(new RegatherError('ANSWER_TOO_LARGE', text), coverage));
      return;
    }
    if (missing.length > 0) this.#method.metrics.partial.inc();
    this.#reply(payload as Buffer, trailer);
  }

  #merge(parts: readonly Part[]): Uint8Array {
    const { merger } = this.#method;
    if (merger === undefined) return this.#single!;
    const { payload, unknownFields } = merger.merge(parts, this.#plan.context);
    if (unknownFields > 0) this.#serving.metrics.unknownFields.inc(unknownFields);
    return payload;
  }

  #left(): void {
    if (this.#done) return;
    this.#method.metrics.cancelled.inc();
    this.#scatter!.cancel();
  }

  #reply(payload: Buffer, trailer: Metadata): void {
    this.#end(0);
    this.#callback(null, payload, trailer);
  }

  #fail(failure: Failure): void {
    this.#end(failure.code);
    this.#callback(failure as Failure & Error);
  }

  #end(code: number): void {
    this.#done = true;
    this.#serving.metrics.inFlight.dec();
    this.#method.metrics.answered(code, (this.#serving.clock.now() - this.#startedAt) / 1000);
  }
}

export function tooLate(timeoutMs: number): RegatherError {
  return new RegatherError(
    'DEADLINE_PASSED',
    `the deadline left ${Math.max(0, Math.round(timeoutMs * 10) / 10)} ms, less than it takes to merge an answer`,
  );
}

/** The parts without those of the shards at fault, which are missing now. */
function without(
  parts: readonly Part[],
  error: RegatherError,
  missing: readonly Missing[],
): { parts: readonly Part[]; missing: readonly Missing[] } | undefined {
  const faulty = parts.filter((part) => part.shards.some((shard) => error.shards?.includes(shard)));
  if (faulty.length === 0) return undefined;
  const lost: Missing[] = faulty.flatMap((part) =>
    part.shards.map((shard) => ({ shard, cause: 'malformed' as const, detail: error.message, attempts: 1 })),
  );
  return {
    parts: parts.filter((part) => !faulty.includes(part)),
    missing: [...missing, ...lost].sort((a, b) => a.shard - b.shard),
  };
}

/** Appended: the merge dropped what shards had there. */
function withCoverage(payload: Uint8Array, number: number, coverage: Uint8Array): Buffer {
  const head: number[] = [];
  for (let tag = (number << 3) | 2; ; tag >>>= 7) {
    if (tag < 128) {
      head.push(tag);
      break;
    }
    head.push((tag & 127) | 128);
  }
  for (let length = coverage.length; ; length >>>= 7) {
    if (length < 128) {
      head.push(length);
      break;
    }
    head.push((length & 127) | 128);
  }
  const out = Buffer.allocUnsafe(payload.length + head.length + coverage.length);
  out.set(payload, 0);
  for (let i = 0; i < head.length; i++) out[payload.length + i] = head[i]!;
  out.set(coverage, payload.length + head.length);
  return out;
}
