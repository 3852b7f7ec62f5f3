/** One unary answer: what shards answer is gathered, and merged when all of it is there. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import type { Part } from '../shared/merge/merger.ts';
import { ownDeadline } from './accept.ts';
import { Answer, type ServedMethod } from './answer.ts';
import type { Attempt } from './attempt.ts';
import type { FinishReason } from './collector.ts';
import { type Coverage, coverageTrailer, type Missing, withCoverage } from './coverage.ts';
import type { Failure } from './finish.ts';
import { Gather } from './gather.ts';
import { Progress } from './progress.ts';
import type { ServingContext } from './serving.ts';
import { checkPartial } from './single-partial.ts';

export class UnaryAnswer extends Answer<ServerUnaryCall<Buffer, Buffer>> {
  readonly #callback: sendUnaryData<Buffer>;
  #gather!: Gather;
  /** Only where a partial answer will do. */
  #progress: Progress | undefined;
  /** Without a merge: the one shard's answer. */
  #single: Uint8Array | undefined;
  #heldBytes = 0;
  #refusal: RegatherError | undefined;

  constructor(
    serving: ServingContext,
    method: ServedMethod,
    call: ServerUnaryCall<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ) {
    super(serving, method, call);
    this.#callback = callback;
    ownDeadline(call);
  }

  protected planned(): void {
    const { tasks } = this.plan;
    const all = tasks.length === this.replicas.topology.shardCount;
    this.#gather = new Gather(all ? tasks.length : tasks.map(({ shard }) => shard), this.documents);
    if (this.minimum.share === 1) return;
    this.#progress = new Progress({
      minimum: this.minimum,
      wait: this.method.policy.coverage,
      gather: this.#gather,
      tasks: tasks.length,
      documents: this.documents,
      startedAt: this.admittedAt,
      deadline: this.accepted.deadline,
    });
  }

  part(
    _attempt: Attempt,
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
  ): void {
    const { merger, plan } = this.method;
    this.serving.metrics.partialBytes.inc(data.length);
    try {
      this.serving.memory.hold(data.length);
    } catch (thrown) {
      // Not this shard's fault: the answer as a whole is refused.
      this.#refusal = RegatherError.from(thrown);
      this.scatter!.cancel();
      return;
    }
    this.#heldBytes += data.length;
    if (merger !== undefined) {
      this.#gather.offer(merger.stage(shards, data, segmentBytes));
      return;
    }
    checkPartial(data, 0, data.length, plan.leaf.response, shards);
    if (this.#gather.complete) return;
    this.#gather.offer({ shards });
    this.#single = data;
  }

  ended(): void {}

  isHeldUp(): boolean {
    return false;
  }

  has(shard: number): boolean {
    return this.#gather.covers(shard);
  }

  get complete(): boolean {
    return this.#gather.complete;
  }

  restartable(): boolean {
    return true;
  }

  override lost(shard: number): void {
    this.#progress?.lost(shard);
  }

  override enoughAt(now: number): number {
    return this.#progress!.enoughAt(now, this.inner);
  }

  override finished(why: FinishReason): void {
    if (why === 'enough') {
      const savedMs = this.accepted.deadline - this.serving.clock.now();
      this.method.metrics.early(this.#progress!.reason, savedMs / 1000);
    }
    if (this.#refusal === undefined) super.finished(why);
    else this.refuse(this.#refusal, 'shed');
  }

  protected override finish(code: number): void {
    this.serving.memory.release(this.#heldBytes);
    super.finish(code);
  }

  protected deliver(coverage: Coverage, missing: readonly Missing[]): void {
    const { plan: method, metrics } = this.method;
    let payload: Uint8Array;
    const startedAt = this.serving.clock.now();
    try {
      payload = this.#merge(missing);
    } catch (thrown) {
      const error = RegatherError.from(thrown);
      const more = error.code === 'PARTIAL_MALFORMED' ? this.#without(error, missing) : undefined;
      if (more === undefined) this.withhold(error, coverage);
      else this.settle(more);
      return;
    }
    const now = this.serving.clock.now();
    this.mergeMs = now - startedAt;
    metrics.mergeSeconds.observe(this.mergeMs / 1000);
    this.method.merging.took(this.mergeMs, now);
    const { bytes, trailer } = coverageTrailer(coverage);
    if (method.coverageField !== undefined) {
      payload = withCoverage(payload, method.coverageField.number, bytes);
    }
    if (payload.length > method.maxAnswerBytes) {
      const text = `the answer has ${payload.length} bytes, the most is ${method.maxAnswerBytes} (max_answer_bytes of ${method.name})`;
      this.withhold(new RegatherError('ANSWER_TOO_LARGE', text), coverage);
      return;
    }
    if (coverage.missing.length > 0) metrics.partial.inc();
    const explained = this.explained(trailer);
    this.finish(0);
    this.#callback(null, payload as Buffer, explained);
  }

  protected sendFailure(failure: Failure): void {
    this.#callback(failure as Failure & Error);
  }

  #merge(missing: readonly Missing[]): Uint8Array {
    const { merger } = this.method;
    if (merger === undefined) return this.#single!;
    const parts = missing.length === 0 ? this.#gather.parts() : this.#partsWithout(missing);
    const { payload, unknownFields } = merger.merge(parts, this.plan.context);
    if (unknownFields > 0) this.serving.metrics.unknownFields.inc(unknownFields);
    return payload;
  }

  #partsWithout(missing: readonly Missing[]): readonly Part[] {
    const lost = new Set(missing.map(({ shard }) => shard));
    return this.#gather.parts().filter((part) => !part.shards.some((shard) => lost.has(shard)));
  }

  /** What is missing if the parts of the shards at fault are left out: merging has shown that they aren't what was asked for. */
  #without(error: RegatherError, missing: readonly Missing[]): readonly Missing[] | undefined {
    const faulty = this.#partsWithout(missing).filter((part) =>
      part.shards.some((shard) => error.shards?.includes(shard)),
    );
    if (faulty.length === 0) return undefined;
    const lost: Missing[] = faulty.flatMap((part) =>
      part.shards.map((shard) => ({
        shard,
        cause: 'malformed' as const,
        detail: error.message,
        attempts: this.scatter!.attempts.filter((attempt) => attempt.has(shard)).length,
      })),
    );
    return [...missing, ...lost].sort((a, b) => a.shard - b.shard);
  }
}
