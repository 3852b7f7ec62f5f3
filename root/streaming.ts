/**
 * One server-streaming answer: shards' items are forwarded whole, in the order they come. A shard of which an item was forwarded
 * isn't tried again; if it fails, the stream ends with an error or, where partial answers are allowed, coverage says `incomplete`.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { type Accepted, accept } from './accept.ts';
import { type Coverage, coverageTrailer, type Missing } from './coverage.ts';
import { coverageFailure, enough, errorFailure, type Failure } from './finish.ts';
import { planRequest, type RequestPlan } from './plan.ts';
import type { ReplicaSet } from './replicas/replica-set.ts';
import { type Attempt, type Collector, type FinishReason, Scatter } from './scatter.ts';
import type { ServingContext } from './serving.ts';
import { checkPartial } from './single-partial.ts';
import { type ServedMethod, tooLate } from './unary.ts';

export class StreamAnswer implements Collector {
  readonly #serving: ServingContext;
  readonly #method: ServedMethod;
  readonly #call: ServerWritableStream<Buffer, Buffer>;
  readonly #startedAt: number;
  #plan!: RequestPlan;
  #replicas!: ReplicaSet;
  #accepted!: Accepted;
  #scatter: Scatter | undefined;
  readonly #ended = new Set<number>();
  /** Shards of which an item was forwarded. */
  readonly #begun = new Set<number>();
  /** Bytes per attempt that the client's stream hasn't taken. */
  #ungranted: Map<Attempt, number> | undefined;
  #done = false;

  constructor(serving: ServingContext, method: ServedMethod, call: ServerWritableStream<Buffer, Buffer>) {
    this.#serving = serving;
    this.#method = method;
    this.#call = call;
    this.#startedAt = serving.clock.now();
  }

  start(): void {
    const serving = this.#serving;
    serving.metrics.inFlight.inc();
    const method = this.#method.plan;
    try {
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
    this.#call.on('cancelled', () => this.#left());
    this.#call.on('drain', () => this.#drained());
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
    this.#scatter.start();
  }

  // Collector

  part(attempt: Attempt, shards: readonly number[], data: Uint8Array, itemBytes: readonly number[]): void {
    const shard = shards[0]!;
    const { response } = this.#method.plan.leaf;
    this.#serving.metrics.partialBytes.inc(data.length);
    // A retry after items were forwarded never happens, so what comes here is the only source of its shard.
    for (let i = 0, start = 0; i < itemBytes.length; i++) {
      const end = start + itemBytes[i]!;
      checkPartial(data, start, end, response, shards);
      start = end;
    }
    let flowing = true;
    for (let i = 0, start = 0; i < itemBytes.length; i++) {
      const end = start + itemBytes[i]!;
      this.#begun.add(shard);
      flowing = this.#call.write(data.subarray(start, end) as Buffer);
      start = end;
    }
    if (flowing && this.#ungranted === undefined) {
      attempt.handle!.grant(data.length);
    } else {
      this.#ungranted ??= new Map();
      this.#ungranted.set(attempt, (this.#ungranted.get(attempt) ?? 0) + data.length);
    }
  }

  ended(shard: number): void {
    this.#ended.add(shard);
  }

  has(shard: number): boolean {
    return this.#ended.has(shard);
  }

  get complete(): boolean {
    return this.#ended.size === this.#plan.tasks.length;
  }

  restartable(shard: number): boolean {
    return !this.#begun.has(shard);
  }

  finished(why: FinishReason): void {
    if (why === 'cancelled') {
      this.#fail(errorFailure(new RegatherError('CANCELLED', 'the client left')));
      return;
    }
    const expected = this.#plan.tasks.length;
    const missing = this.complete ? [] : this.#missing();
    const coverage: Coverage = {
      expected,
      answered: expected - missing.length,
      missing,
      epoch: this.#replicas.topology.epoch,
    };
    if (missing.length > 0) this.#serving.missing(missing);
    if (!enough(this.#method.plan, expected, coverage.answered)) {
      this.#fail(coverageFailure(this.#method.plan, coverage, this.#scatter!));
      return;
    }
    if (missing.length > 0) this.#method.metrics.partial.inc();
    this.#end(0);
    this.#call.end(coverageTrailer(coverage).trailer);
  }

  /** A shard that ran into the deadline after it began is incomplete, not late. */
  #missing(): Missing[] {
    const missing = this.#scatter!.missing(
      'timeout',
      `not finished within ${Math.round(this.#accepted.timeoutMs)} ms`,
    );
    return missing.map((entry) =>
      entry.cause === 'timeout' && this.#begun.has(entry.shard)
        ? { ...entry, cause: 'incomplete' as const }
        : entry,
    );
  }

  #drained(): void {
    const waiting = this.#ungranted;
    if (waiting === undefined) return;
    this.#ungranted = undefined;
    for (const [attempt, bytes] of waiting) if (!attempt.ended) attempt.handle?.grant(bytes);
  }

  #left(): void {
    if (this.#done) return;
    this.#method.metrics.cancelled.inc();
    this.#scatter!.cancel();
  }

  #fail(failure: Failure): void {
    this.#end(failure.code);
    this.#call.emit('error', failure);
  }

  #end(code: number): void {
    this.#done = true;
    this.#serving.metrics.inFlight.dec();
    this.#method.metrics.answered(code, (this.#serving.clock.now() - this.#startedAt) / 1000);
  }
}
