/**
 * One leaf call of a scatter: an attempt at each of its tasks, on one worker. It feeds what replicas are chosen and hedges are timed by, and notes
 * what it takes to tell afterwards what happened (explain, spans); everything else is the scatter's.
 */
import type { Timer } from '../shared/clock.ts';
import type { LeafEnd, LeafHandle, LeafSink, LeafTask, PartTiming } from '../shared/link/leaf-call.ts';
import type { WithheldReason } from '../shared/metrics/root-tail.ts';
import type { MethodTail } from './replicas/method-tail.ts';
import { positionOf, type Share } from './replicas/share.ts';
import type { Scatter } from './scatter.ts';

/** Of a leaf call with probes and others, `primary`; `kindOf` tells of each. `probe`: the first try of a replica that isn't known, or not known to be well again. */
export type AttemptKind = 'primary' | 'hedge' | 'retry' | 'probe';

/** When one task was answered, and where the time went: kept for explain only. */
export interface TaskAnswer {
  readonly shard: number;
  /** On the scatter's clock, ms. */
  readonly at: number;
  /** Undefined where the worker doesn't tell. */
  readonly queueUs: number | undefined;
  readonly serviceUs: number | undefined;
  readonly heldUs: number | undefined;
}

export class Attempt implements LeafSink {
  readonly scatter: Scatter;
  readonly kind: AttemptKind;
  readonly share: Share;
  /** It is a probe, sent although another attempt has its tasks: the answer doesn't wait for it, and it runs on to its end. */
  readonly beside: boolean;
  /** On the scatter's clock, ms. */
  readonly startedAt: number;
  /** NaN until it has ended. */
  endedAt = Number.NaN;
  /** When the tasks that are still open are asked elsewhere. */
  hedgeAt = Number.POSITIVE_INFINITY;
  /** How long its tasks may be open before they are hedged, ms. */
  hedgeAfterMs = Number.POSITIVE_INFINITY;
  /** Of what its worker was told to send before that: until it has come, what lies ready there isn't known. */
  flush: 'none' | 'awaited' | 'overdue' = 'none';
  /** At so many steps beyond the delay its open tasks were counted. */
  counted = 0;
  handle: LeafHandle | undefined;
  /** Beside others: ends it at the deadline, when its scatter may be over. */
  patience: Timer | undefined;
  /** Tasks that are wanted of it: not answered, here or elsewhere, and not failed. */
  open: number;
  /** How it ended: for each task an answer, unless a failure names its shard. */
  outcome: LeafEnd | undefined;
  /** Nothing more was wanted of it: others were first, time was up or the client left. */
  cancelled = false;
  /** Undefined unless the scatter is explained. */
  readonly answers: TaskAnswer[] | undefined;
  /** Why its slow tasks weren't hedged when that was last looked at, by shard: kept for explain only. */
  notHedged: Map<number, WithheldReason> | undefined;
  /** Tasks that the worker has: not answered here. */
  #unanswered: number;
  /** Shards of which nothing is wanted of it any more, though nothing came: `open` is without them. */
  #beaten: Set<number> | undefined;
  /** Those of them that came after all. */
  #outrun: Set<number> | undefined;
  #failed: Set<number> | undefined;

  constructor(
    scatter: Scatter,
    kind: AttemptKind,
    share: Share,
    startedAt: number,
    explain: boolean,
    beside: boolean,
  ) {
    this.scatter = scatter;
    this.beside = beside;
    this.kind = kind;
    this.share = share;
    this.startedAt = startedAt;
    this.open = share.tasks.length;
    this.#unanswered = this.open;
    this.answers = explain ? [] : undefined;
  }

  /** How much longer its tasks have been open than they may be before they are hedged, ms. */
  beyondMs(now: number): number {
    return now - this.startedAt - this.hedgeAfterMs;
  }

  get ended(): boolean {
    return this.outcome !== undefined;
  }

  /** Its latency is what the method's tasks take, and not what came on top. */
  get isFirst(): boolean {
    return !this.beside && (this.kind === 'primary' || this.kind === 'probe');
  }

  kindOf(shard: number): AttemptKind {
    return this.kind === 'primary' && this.share.probes.includes(shard) ? 'probe' : this.kind;
  }

  // LeafSink

  part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    timing?: PartTiming,
  ): void {
    this.scatter.partOf(this, shards, data, segmentBytes, timing);
  }

  below(shard: number, coverage: Uint8Array): void {
    this.scatter.belowOf(this, shard, coverage);
  }

  end(end: LeafEnd): void {
    this.scatter.endOf(this, end);
  }

  // The scatter's.

  has(shard: number): boolean {
    return positionOf(this.share.tasks, shard) >= 0;
  }

  taskOf(shard: number): LeafTask {
    return this.share.tasks[positionOf(this.share.tasks, shard)]!;
  }

  /** Those shards came. `fresh`: those of them that the answer didn't have; only they tell how long a task takes. */
  answered(
    shards: readonly number[],
    fresh: readonly number[],
    now: number,
    timing: PartTiming | undefined,
    tail: MethodTail,
  ): void {
    const { tasks, replicas, worker } = this.share;
    const count = Math.min(this.#firstTimes(shards, fresh), this.#unanswered);
    this.#unanswered -= count;
    for (let i = 0; i < fresh.length; i++) if (!this.#isBeaten(fresh[i]!)) this.open--;
    worker.load.settled(count, this.scatter.streaming);
    worker.load.heard(now);
    const elapsedMs = now - this.startedAt;
    if (timing !== undefined) {
      worker.load.measured(Math.max(0, elapsedMs - timing.heldUs / 1000), timing.queueUs[0]! / 1000);
    }
    const usualMs = tail.latency.median(now);
    for (let i = 0, at = 0; i < shards.length; i++) {
      const shard = shards[i]!;
      while (tasks[at]!.shard !== shard) at++;
      if (fresh !== shards && !fresh.includes(shard)) continue;
      let latencyMs = elapsedMs;
      if (timing !== undefined) {
        // What it lay finished, for a slower one of its call, is no part of its own.
        const idleUs = timing.heldUs - timing.queueUs[i]! - timing.serviceUs[i]!;
        if (idleUs > 0) latencyMs = Math.max(0, elapsedMs - idleUs / 1000);
      }
      if (this.isFirst) tail.latency.record(latencyMs, now);
      replicas[at]!.latency.answered(latencyMs, usualMs, now, this.kindOf(shard) === 'probe');
      replicas[at]!.pace.record(latencyMs);
    }
    if (this.answers !== undefined) this.#note(shards, now, timing);
    // What is left here was answered elsewhere meanwhile.
    if (this.open === 0 && this.#unanswered > 0) this.cancel();
  }

  /** Another attempt answered the task first, or what it would say is no longer of interest. */
  beaten(shard: number, now: number, tail: MethodTail): void {
    if (this.#isBeaten(shard)) return;
    this.#beaten ??= new Set();
    this.#beaten.add(shard);
    // How it ends is what it was sent for.
    if (this.beside) {
      this.open--;
      return;
    }
    const elapsedMs = now - this.startedAt;
    if (this.isFirst) tail.latency.record(elapsedMs, now);
    const replica = this.#replica(shard);
    replica.latency.beaten(elapsedMs, tail.latency.median(now), now);
    replica.pace.record(elapsedMs);
    if (--this.open === 0) this.cancel();
  }

  /**
   * The deadline came before these answers. A hedge had little time, so nothing is held against its replica. What nobody answers is no measure of when to ask
   * elsewhere: one hung shard of sixteen would lift the p95 of all.
   */
  timedOut(answers: { has(shard: number): boolean }, now: number): void {
    for (const replica of this.share.replicas) {
      if (answers.has(replica.shard) || this.failed(replica.shard)) continue;
      if (this.kind === 'hedge') continue;
      replica.breaker.failure(this);
      replica.latency.failed(now);
      replica.pace.record(now - this.startedAt);
    }
  }

  /** Enough was in without these answers: all that is known is that they take longer. */
  notAwaited(answers: { has(shard: number): boolean }, now: number, tail: MethodTail): void {
    for (const replica of this.share.replicas) {
      if (answers.has(replica.shard) || this.failed(replica.shard)) continue;
      replica.latency.beaten(now - this.startedAt, tail.latency.median(now), now);
    }
  }

  /**
   * The client left, or another shard made the answer impossible. Only what has been open for longer than nearly all tasks take says anything: that it takes
   * longer. Clients that leave early can't make a method look quick by it, nor a replica slow.
   */
  givenUp(answers: { has(shard: number): boolean }, now: number, tail: MethodTail): void {
    const longMs = tail.latency.tail(now);
    if (longMs > 0 && now - this.startedAt > longMs) this.notAwaited(answers, now, tail);
  }

  /** Its task was due to be hedged, and isn't yet. */
  leaveAlone(shard: number, why: WithheldReason): void {
    if (this.answers === undefined) return;
    this.notHedged ??= new Map();
    this.notHedged.set(shard, why);
  }

  /** What came for it, if anything, isn't to be used. */
  fail(shard: number): void {
    this.#failed ??= new Set();
    this.#failed.add(shard);
    if (!this.#isBeaten(shard) && --this.open === 0) this.cancel();
  }

  /** Something that came for it wasn't to be used. */
  get isFaulty(): boolean {
    return this.#failed !== undefined;
  }

  /** How many tasks it answered with what wasn't to be used: its end doesn't know. */
  unusable({ failures }: LeafEnd): number {
    if (this.#failed === undefined) return 0;
    let count = this.#failed.size;
    for (const { shard } of failures) if (this.#failed.has(shard)) count--;
    return count;
  }

  failed(shard: number): boolean {
    return this.#failed?.has(shard) ?? false;
  }

  hasFailed(shards: readonly number[]): boolean {
    return this.#failed !== undefined && shards.some((shard) => this.#failed!.has(shard));
  }

  /** The worker may have begun with the task: what hasn't ended isn't known not to have. */
  mayHaveBegun(shard: number): boolean {
    return !this.outcome?.failures.some((failure) => failure.shard === shard && failure.notStarted);
  }

  ends(end: LeafEnd, now: number): void {
    const { worker } = this.share;
    this.outcome = end;
    this.endedAt = now;
    this.patience?.cancel();
    worker.load.settled(this.#unanswered, this.scatter.streaming);
    this.#unanswered = 0;
    worker.finished();
    // Else it wasn't the worker that ended it.
    if (end.inFlight < 0) return;
    worker.load.heard(now);
    worker.load.report(end.inFlight, now);
  }

  /** Whatever it still works on is of no use. */
  cancel(): void {
    if (this.ended || this.cancelled) return;
    this.cancelled = true;
    this.handle?.cancel();
  }

  /** How many of them came from here for the first time: a part that comes twice answers nothing twice. */
  #firstTimes(shards: readonly number[], fresh: readonly number[]): number {
    if (this.#beaten === undefined) return fresh.length;
    let count = 0;
    for (const shard of shards) {
      if (!this.#beaten.has(shard)) {
        if (fresh.includes(shard)) count++;
      } else {
        this.#outrun ??= new Set();
        if (this.#outrun.has(shard)) continue;
        this.#outrun.add(shard);
        count++;
      }
    }
    return count;
  }

  #isBeaten(shard: number): boolean {
    return this.#beaten?.has(shard) ?? false;
  }

  #replica(shard: number): Share['replicas'][number] {
    return this.share.replicas[positionOf(this.share.replicas, shard)]!;
  }

  #note(shards: readonly number[], at: number, timing: PartTiming | undefined): void {
    for (let i = 0; i < shards.length; i++) {
      this.answers!.push({
        shard: shards[i]!,
        at,
        queueUs: timing?.queueUs[i],
        serviceUs: timing?.serviceUs[i],
        heldUs: timing?.heldUs,
      });
    }
  }
}
