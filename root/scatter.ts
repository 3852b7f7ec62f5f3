/**
 * Scatter: attempts per task until one commits, all fail, or time is up. It knows leaf calls and failures, not payloads: those go to
 * its collector (gather for unary answers, the client's stream for streaming ones).
 */
import type { Clock, Timer } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { LeafCall, LeafEnd, LeafMetadata, TaskFailure } from '../shared/link/leaf-call.ts';
import { Attempt, type AttemptKind } from './attempt.ts';
import type { Cause, Missing } from './coverage.ts';
import { causeOf, malformed, unavailable } from './failures.ts';
import type { RequestPlan } from './plan.ts';
import type { MethodPolicy } from './policy.ts';
import { mayRetry, recordBegin, recordEnd, recordTimeout } from './replicas/outcome.ts';
import type { Replica, ReplicaSet } from './replicas/replica-set.ts';
import { type Share, Shares } from './replicas/share.ts';
import type { Worker } from './replicas/worker.ts';

/** What becomes of the payloads, and of the end. */
export interface Collector {
  /**
   * Takes what came. Throws RegatherError if it isn't what it should be: its shards then fail with that.
   * A streaming collector forwards and calls `LeafHandle.grant` itself.
   */
  part(attempt: Attempt, shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): void;
  /** The shard is a root itself, and this is its own regather.v1.Coverage. Before the task's (last) part. */
  below(shard: number, coverage: Uint8Array): void;
  /** The task ended well. Streaming: its items are whole. */
  ended(shard: number): void;
  /** The answer has the task. */
  has(shard: number): boolean;
  /** Every task is in. */
  readonly complete: boolean;
  /** Nothing of the task was handed on, so that another replica may begin again. */
  restartable(shard: number): boolean;
  /** Exactly once: no task is open any more, or time is up, or the client left. Nothing is called afterwards. */
  finished(why: FinishReason): void;
}

export type FinishReason = 'settled' | 'deadline' | 'cancelled';

/** What the owner of all scatters counts. */
export interface ScatterMetrics {
  /** `tasks`: how many the call carried. */
  leafCallEnded(worker: Worker, end: LeafEnd, tasks: number): void;
  retried(tasks: number): void;
}

/** What all scatters of a root share. */
export interface ScatterContext {
  readonly clock: Clock;
  readonly metrics: ScatterMetrics;
}

export interface ScatterOptions {
  readonly plan: RequestPlan;
  readonly replicas: ReplicaSet;
  readonly metadata: LeafMetadata;
  /** On the clock, ms. When the answer is due at the latest, what came is what there is. */
  readonly deadline: number;
  /** Higher goes first, at workers too. */
  readonly priority: number;
  readonly policy: MethodPolicy;
  /** Attempts note when each of their tasks was answered. */
  readonly explain: boolean;
}

/** A failed task that no attempt works on any more. */
interface Lost {
  readonly failure: TaskFailure;
  readonly cause: Cause;
}

/** Only of tasks with trouble: the rest were tried once, on the worker of their share. */
interface Trouble {
  readonly tried: Worker[];
  /** Attempts that started and failed. */
  retries: number;
  lost: Lost | undefined;
}

/**
 * Where a partial answer will do, workers send what is ready so long before the end, or a slow shard would keep those that
 * share its worker out of the answer. Long enough for a network and a busy loop; a tenth of the time if that is more.
 */
const FLUSH_MS = 20;

export class Scatter {
  readonly collector: Collector;
  readonly attempts: Attempt[] = [];
  readonly #options: ScatterOptions;
  readonly #context: ScatterContext;
  #trouble: Map<number, Trouble> | undefined;
  #lost = 0;
  #flushAfterMs = 0;
  readonly #streaming: boolean;
  #timer: Timer | undefined;
  #done = false;

  constructor(options: ScatterOptions, context: ScatterContext, collector: Collector) {
    this.#options = options;
    this.#context = context;
    this.collector = collector;
    this.#streaming = options.plan.method.kind === 'server-streaming';
  }

  get done(): boolean {
    return this.#done;
  }

  /** Sends the first attempts. `finished` may come before it returns, if no task can go anywhere. */
  start(): void {
    const { plan, replicas, deadline } = this.#options;
    const now = this.#context.clock.now();
    const leftMs = Math.max(0, deadline - now);
    if (plan.method.minCoverage < 1) {
      this.#flushAfterMs = leftMs - Math.min(leftMs / 2, Math.max(FLUSH_MS, leftMs / 10));
    }
    this.#arm(now);
    const { shares, unassigned } = replicas.assign(plan.tasks);
    for (let i = 0; i < shares.length; i++) this.#send('primary', shares[i]!, now);
    for (let i = 0; i < unassigned.length; i++) {
      const { task, cause, detail } = unassigned[i]!;
      this.#lose(task.shard, unavailable(task.shard, detail), cause);
    }
    this.#finishIfSettled();
  }

  cancel(): void {
    this.#finish('cancelled');
  }

  /** Tasks that aren't in the answer, by ascending shard. Those that were still open have the cause `open`. */
  missing(open: Cause, detail: string): Missing[] {
    const missing: Missing[] = [];
    for (const { shard } of this.#options.plan.tasks) {
      if (this.collector.has(shard)) continue;
      const trouble = this.#trouble?.get(shard);
      const lost = trouble?.lost;
      // The attempt that is still open is one as well.
      const attempts = (trouble?.tried.length ?? 0) + (lost === undefined ? 1 : 0);
      if (lost === undefined) missing.push({ shard, cause: open, detail, attempts });
      else missing.push({ shard, cause: lost.cause, detail: lost.failure.message, attempts });
    }
    return missing;
  }

  /** Why a task was given up; undefined while it was open. */
  failureOf(shard: number): TaskFailure | undefined {
    return this.#trouble?.get(shard)?.lost?.failure;
  }

  partOf(
    attempt: Attempt,
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
  ): void {
    if (this.#done) return;
    // Streaming tasks are answered at their end.
    let answered = 0;
    if (!this.#streaming) {
      for (let i = 0; i < shards.length; i++) if (!this.collector.has(shards[i]!)) answered++;
    }
    try {
      this.collector.part(attempt, shards, data, segmentBytes);
    } catch (thrown) {
      const error = RegatherError.from(thrown);
      // Which shard of a combined part is at fault can't be told, so all of them are.
      for (const shard of shards) this.#failed(attempt, malformed(shard, error));
      this.#finishIfSettled();
      return;
    }
    // What came twice leaves the attempt open, and at worst cancels a call that has just ended.
    attempt.answered(shards, answered, this.#context.clock);
    if (this.collector.complete) this.#finish('settled');
  }

  endOf(attempt: Attempt, end: LeafEnd): void {
    const { share } = attempt;
    const { clock, metrics } = this.#context;
    attempt.endedAt = clock.now();
    share.worker.load.settled(attempt.open);
    share.worker.finished();
    if (end.inFlight >= 0) share.worker.load.report(end.inFlight, attempt.endedAt);
    metrics.leafCallEnded(share.worker, end, share.tasks.length);
    recordEnd(share, end);
    attempt.open = 0;
    if (this.#done) return;
    const { failures } = end;
    let retries: Shares | undefined;
    for (let i = 0; i < failures.length; i++) {
      const retry = this.#failed(attempt, failures[i]!);
      if (retry === undefined) continue;
      retries ??= new Shares();
      retries.add(retry.task, retry.replica);
    }
    for (let i = 0; i < share.tasks.length; i++) {
      const { shard } = share.tasks[i]!;
      if (failures.length > 0 && failures.some((failure) => failure.shard === shard)) continue;
      this.collector.ended(shard);
    }
    for (const retry of retries?.list ?? []) {
      metrics.retried(retry.tasks.length);
      this.#send('retry', retry, attempt.endedAt);
    }
    this.#finishIfSettled();
  }

  #send(kind: AttemptKind, share: Share, now: number): void {
    const { plan, metadata, deadline, priority, replicas, explain } = this.#options;
    const { method } = plan;
    const call: LeafCall = {
      method: method.leaf.name,
      payload: plan.payload,
      tasks: share.tasks,
      streaming: this.#streaming,
      deadline,
      flushAfterMs: this.#flushAfterMs,
      priority,
      epoch: replicas.topology.epoch,
      metadata,
      maxPartBytes: method.maxAnswerBytes,
    };
    const attempt = new Attempt(this, kind, share, now, explain);
    this.attempts.push(attempt);
    recordBegin(share);
    share.worker.load.sent(share.tasks.length);
    attempt.handle = share.worker.run(call, attempt);
  }

  /** The next thing that time brings. */
  #nextEvent(): number {
    return this.#options.deadline;
  }

  /** One timer, whatever there is to wait for. */
  #arm(now: number): void {
    this.#timer?.cancel();
    this.#timer = this.#context.clock.setTimer(this.#onTimer, Math.max(0, this.#nextEvent() - now));
  }

  readonly #onTimer = (): void => {
    this.#finish('deadline');
  };

  /** Decides whether a failed task is tried again, and where; otherwise it is lost. */
  #failed(
    attempt: Attempt,
    failure: TaskFailure,
  ): { replica: Replica; task: Share['tasks'][number] } | undefined {
    const { plan, replicas, deadline, policy } = this.#options;
    const { shard } = failure;
    if (this.collector.has(shard)) return undefined;
    const trouble = this.#troubleOf(shard);
    if (trouble.lost !== undefined) return undefined;
    trouble.tried.push(attempt.share.worker);
    if (
      policy.retry.enabled &&
      mayRetry(plan.method, failure, trouble.retries) &&
      this.collector.restartable(shard) &&
      this.#context.clock.now() < deadline
    ) {
      const replica = replicas.another(shard, trouble.tried);
      if (replica !== undefined) {
        if (!failure.notStarted) trouble.retries++;
        const task = attempt.share.tasks.find((candidate) => candidate.shard === shard)!;
        return { replica, task };
      }
    }
    const cause = this.collector.restartable(shard) ? causeOf(failure) : 'incomplete';
    this.#lose(shard, failure, cause);
    return undefined;
  }

  #lose(shard: number, failure: TaskFailure, cause: Cause): void {
    const trouble = this.#troubleOf(shard);
    if (trouble.lost !== undefined) return;
    trouble.lost = { failure, cause };
    this.#lost++;
  }

  #troubleOf(shard: number): Trouble {
    this.#trouble ??= new Map();
    let trouble = this.#trouble.get(shard);
    if (trouble === undefined) {
      trouble = { tried: [], retries: 0, lost: undefined };
      this.#trouble.set(shard, trouble);
    }
    return trouble;
  }

  #finishIfSettled(): void {
    if (this.#done) return;
    if (this.collector.complete) {
      this.#finish('settled');
      return;
    }
    if (this.#lost === 0) return;
    for (const { shard } of this.#options.plan.tasks) {
      if (!this.collector.has(shard) && this.#trouble?.get(shard)?.lost === undefined) return;
    }
    this.#finish('settled');
  }

  #finish(why: FinishReason): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer?.cancel();
    for (let i = 0; i < this.attempts.length; i++) {
      const attempt = this.attempts[i]!;
      if (attempt.ended || attempt.open <= 0) continue;
      if (why === 'deadline') recordTimeout(attempt.share, this.collector);
      attempt.cancel();
    }
    this.collector.finished(why);
  }
}
