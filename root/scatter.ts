/**
 * Scatter: attempts per task until one commits, all fail, or time is up. It knows leaf calls and failures, not payloads: those go to
 * its collector (gather for unary answers, the client's stream for streaming ones).
 */
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type {
  LeafCall,
  LeafEnd,
  LeafHandle,
  LeafMetadata,
  LeafSink,
  TaskFailure,
} from '../shared/link/leaf-call.ts';
import type { Cause, Missing } from './coverage.ts';
import type { RequestPlan } from './plan.ts';
import { mayRetry, recordFailure, recordSuccess } from './replicas/outcome.ts';
import type { Replica, ReplicaSet, Share } from './replicas/replica-set.ts';
import type { WorkerConnection } from './upstream/worker-connection.ts';

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
  leafCallEnded(worker: WorkerConnection, end: LeafEnd, tasks: number): void;
  retried(tasks: number): void;
}

export interface ScatterOptions {
  readonly plan: RequestPlan;
  readonly replicas: ReplicaSet;
  readonly metadata: LeafMetadata;
  /** On the clock, ms. When the answer is due at the latest, what came is what there is. */
  readonly deadline: number;
  readonly clock: Clock;
  readonly metrics: ScatterMetrics;
  /** Failed tasks are tried elsewhere. */
  readonly retry: boolean;
}

/** A failed task that no attempt works on any more. */
interface Lost {
  readonly failure: TaskFailure;
  readonly cause: Cause;
}

/** Only of tasks with trouble: the rest were tried once, on the worker of their share. */
interface Trouble {
  readonly tried: WorkerConnection[];
  /** Attempts that started and failed. */
  retries: number;
  lost: Lost | undefined;
}

export class Attempt implements LeafSink {
  readonly scatter: Scatter;
  readonly share: Share;
  handle: LeafHandle | undefined;
  /** Tasks that haven't been answered. */
  open: number;
  ended = false;

  constructor(scatter: Scatter, share: Share) {
    this.scatter = scatter;
    this.share = share;
    this.open = share.tasks.length;
  }

  part(shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): void {
    this.scatter.partOf(this, shards, data, segmentBytes);
  }

  below(shard: number, coverage: Uint8Array): void {
    if (!this.scatter.done) this.scatter.collector.below(shard, coverage);
  }

  end(end: LeafEnd): void {
    this.ended = true;
    this.scatter.endOf(this, end);
  }
}

/**
 * Where a partial answer will do, workers send what is ready so long before the end, or a slow shard would keep those that
 * share its worker out of the answer. Long enough for a network and a busy loop; a tenth of the time if that is more.
 */
const FLUSH_MS = 20;

export class Scatter {
  readonly #options: ScatterOptions;
  readonly collector: Collector;
  readonly #attempts: Attempt[] = [];
  #trouble: Map<number, Trouble> | undefined;
  #lost = 0;
  #flushAfterMs = 0;
  readonly #streaming: boolean;
  #timer: Timer | undefined;
  #done = false;

  constructor(options: ScatterOptions, collector: Collector) {
    this.#options = options;
    this.collector = collector;
    this.#streaming = options.plan.method.kind === 'server-streaming';
  }

  get done(): boolean {
    return this.#done;
  }

  /** Sends the first attempts. `finished` may come before it returns, if no task can go anywhere. */
  start(): void {
    const { plan, replicas, clock, deadline } = this.#options;
    const leftMs = Math.max(0, deadline - clock.now());
    this.#timer = clock.setTimer(() => this.#finish('deadline'), leftMs);
    if (plan.method.minCoverage < 1) {
      this.#flushAfterMs = leftMs - Math.min(leftMs / 2, Math.max(FLUSH_MS, leftMs / 10));
    }
    const { shares, unassigned } = replicas.assign(plan.tasks);
    for (let i = 0; i < shares.length; i++) this.#send(shares[i]!);
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
    attempt.open -= answered;
    if (this.collector.complete) this.#finish('settled');
  }

  endOf(attempt: Attempt, end: LeafEnd): void {
    const { share } = attempt;
    share.worker.finished();
    if (end.inFlight >= 0) share.worker.load = end.inFlight;
    this.#options.metrics.leafCallEnded(share.worker, end, share.tasks.length);
    this.#record(attempt, end);
    if (this.#done) return;
    attempt.open = 0;
    const { failures } = end;
    let retries: Map<WorkerConnection, { tasks: Share['tasks'][number][]; replicas: Replica[] }> | undefined;
    for (let i = 0; i < failures.length; i++) {
      const retry = this.#failed(attempt, failures[i]!);
      if (retry === undefined) continue;
      retries ??= new Map();
      let group = retries.get(retry.replica.worker);
      if (group === undefined) {
        group = { tasks: [], replicas: [] };
        retries.set(retry.replica.worker, group);
      }
      group.tasks.push(retry.task);
      group.replicas.push(retry.replica);
    }
    for (let i = 0; i < share.tasks.length; i++) {
      const { shard } = share.tasks[i]!;
      if (failures.length > 0 && failures.some((failure) => failure.shard === shard)) continue;
      this.collector.ended(shard);
    }
    if (retries !== undefined) {
      for (const [worker, group] of retries) {
        this.#options.metrics.retried(group.tasks.length);
        this.#send({ worker, ...group });
      }
    }
    this.#finishIfSettled();
  }

  #send(share: Share): void {
    const { plan, metadata, deadline, replicas } = this.#options;
    const { method } = plan;
    const call: LeafCall = {
      method: method.leaf.name,
      payload: plan.payload,
      tasks: share.tasks,
      streaming: this.#streaming,
      deadline,
      flushAfterMs: this.#flushAfterMs,
      priority: 0,
      epoch: replicas.topology.epoch,
      metadata,
      maxPartBytes: method.maxAnswerBytes,
    };
    const attempt = new Attempt(this, share);
    this.#attempts.push(attempt);
    share.worker.breaker.begin();
    for (let i = 0; i < share.replicas.length; i++) share.replicas[i]!.breaker.begin();
    attempt.handle = share.worker.run(call, attempt);
  }

  /** Decides whether a failed task is tried again, and where; otherwise it is lost. */
  #failed(
    attempt: Attempt,
    failure: TaskFailure,
  ): { replica: Replica; task: Share['tasks'][number] } | undefined {
    const { plan, replicas, clock, deadline, retry } = this.#options;
    const { shard } = failure;
    if (this.collector.has(shard)) return undefined;
    const trouble = this.#troubleOf(shard);
    if (trouble.lost !== undefined) return undefined;
    trouble.tried.push(attempt.share.worker);
    if (
      retry &&
      mayRetry(plan.method, failure, trouble.retries) &&
      this.collector.restartable(shard) &&
      clock.now() < deadline
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

  /** Breakers hear of settled outcomes only: what we cancelled says nothing, what ran into the deadline does. */
  #record(attempt: Attempt, end: LeafEnd): void {
    const { share } = attempt;
    const { failures } = end;
    if (failures.length === 0) {
      share.worker.breaker.success();
      for (let i = 0; i < share.replicas.length; i++) share.replicas[i]!.breaker.success();
      return;
    }
    let transport = false;
    let answered = failures.length < share.tasks.length;
    for (const replica of share.replicas) {
      const failure = failures.find((candidate) => candidate.shard === replica.shard);
      if (failure === undefined) {
        recordSuccess(replica);
      } else {
        recordFailure(replica, failure);
        if (failure.source === 'transport') transport = true;
        else if (failure.code !== status.CANCELLED) answered = true;
      }
    }
    if (transport) share.worker.breaker.failure();
    else if (answered) share.worker.breaker.success();
    else share.worker.breaker.neutral();
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
    for (let i = 0; i < this.#attempts.length; i++) {
      const attempt = this.#attempts[i]!;
      if (attempt.ended || attempt.open <= 0) continue;
      if (why === 'deadline') timedOut(attempt, this.collector);
      attempt.handle?.cancel();
    }
    this.collector.finished(why);
  }
}

/** The replicas that let the deadline pass failed, though their calls end as cancelled. */
function timedOut(attempt: Attempt, collector: Collector): void {
  for (const replica of attempt.share.replicas) {
    if (!collector.has(replica.shard)) replica.breaker.failure();
  }
}

export function causeOf(failure: TaskFailure): Cause {
  if (failure.source === 'protocol') return 'malformed';
  if (failure.source === 'transport') return 'unavailable';
  switch (failure.code) {
    case status.UNAVAILABLE:
      return 'unavailable';
    case status.RESOURCE_EXHAUSTED:
      return 'shed';
    case status.DEADLINE_EXCEEDED:
      return 'timeout';
    case status.CANCELLED:
      return 'cancelled';
    default:
      return failure.notStarted ? 'unavailable' : 'failed';
  }
}

function unavailable(shard: number, message: string): TaskFailure {
  return {
    shard,
    code: status.UNAVAILABLE,
    message,
    notStarted: true,
    pushbackMs: 0,
    source: 'transport',
  };
}

function malformed(shard: number, error: RegatherError): TaskFailure {
  return {
    shard,
    code: error.grpc,
    message: error.message,
    notStarted: false,
    pushbackMs: 0,
    source: 'protocol',
  };
}
