/**
 * Scatter: attempts per task until one commits, all fail, or time is up. It knows leaf calls and failures, not payloads: those go to
 * its collector (gather for unary answers, the client's stream for streaming ones).
 */
import type { Timer } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { LeafEnd, LeafTask, PartTiming, TaskFailure } from '../shared/link/leaf-call.ts';
import type { WithheldReason } from '../shared/metrics/root-tail.ts';
import { Attempt, type AttemptKind } from './attempt.ts';
import type { Collector, FinishReason } from './collector.ts';
import type { Cause, Missing } from './coverage.ts';
import { causeOf, malformed, unavailable } from './failures.ts';
import { EARLY_MS, HedgeRounds } from './hedge-rounds.ts';
import { leafCallOf } from './leaf-call-of.ts';
import type { NotHedged } from './replicas/hedge.ts';
import { isVerdict, recordBegin, recordEnd } from './replicas/outcome.ts';
import type { Replica } from './replicas/replica-set.ts';
import { type Share, Shares } from './replicas/share.ts';
import type { ScatterContext, ScatterOptions } from './scatter-options.ts';
import { chooseHedges, chooseRetry } from './second-attempts.ts';
import { missingTasks, type TaskState, TaskStates } from './task-state.ts';

/** A timer that is later than this was held up here, and answers may be waiting behind it: they get a turn first. */
const STALL_MS = 2;

const NO_SHARDS: readonly number[] = [];

export class Scatter {
  readonly collector: Collector;
  readonly attempts: Attempt[] = [];
  /** When open tasks are hedged, ms after their first attempts; or why none of them is. */
  hedging: number | NotHedged = 'no_replica';
  readonly #options: ScatterOptions;
  readonly #context: ScatterContext;
  readonly streaming: boolean;
  #states: TaskStates | undefined;
  /** When a part will do: workers flush so long after the start; 0: they needn't. */
  #flushAfterMs = 0;
  readonly #hedges: HedgeRounds;
  #timer: Timer | undefined;
  #stalled = false;
  /** When what is in will do. */
  #enoughAt = Number.POSITIVE_INFINITY;
  /** A worker turned a task away and every shard is needed: what the others do is lost, and they have no time to lose. */
  #inVain = false;
  #done = false;
  /** Leaf calls that it began with. */
  calls = 0;

  constructor(options: ScatterOptions, context: ScatterContext, collector: Collector) {
    this.#options = options;
    this.#context = context;
    this.collector = collector;
    this.#hedges = new HedgeRounds(this.attempts, options.deadline);
    this.streaming = options.plan.method.kind === 'server-streaming';
  }

  /** Sends the first attempts. `finished` may come before it returns, if no task can go anywhere. */
  start(): void {
    const { plan, replicas, deadline, tail, policy, partial } = this.#options;
    const now = this.#context.clock.now();
    const leftMs = Math.max(0, deadline - now);
    // Or a slow shard would keep those out of a partial answer that share its worker.
    if (partial) this.#flushAfterMs = leftMs * policy.coverage.flush;
    const { shares, probes, unassigned } = replicas.assign(plan.tasks, tail.wanted(now));
    tail.began(plan.tasks.length - unassigned.length, now);
    if (replicas.replicated) this.hedging = tail.hedgeDelay(now, leftMs);
    this.calls = shares.length;
    for (let i = 0; i < shares.length; i++) {
      const share = shares[i]!;
      this.#send(share.probes.length === share.tasks.length ? 'probe' : 'primary', share, now);
    }
    for (let i = 0; i < probes.length; i++) this.#probe(probes[i]!, now);
    this.#arm(now);
    for (let i = 0; i < unassigned.length; i++) {
      const { task, cause, detail } = unassigned[i]!;
      this.#lose(this.#stateOf(task.shard, undefined), unavailable(task.shard, detail), cause);
    }
    this.#finishIfSettled();
  }

  cancel(): void {
    this.#finish('cancelled');
  }

  /** Tasks that aren't in the answer, by ascending shard. Those that were still open have the cause `open`. */
  missing(open: Cause, detail: string): Missing[] {
    return missingTasks(this.#options.plan.tasks, this.collector, this.#states, open, detail);
  }

  /** Some worker may have begun with a task of those shards, or of any. */
  mayHaveBegun(shards?: ReadonlySet<number>): boolean {
    return this.attempts.some((attempt) =>
      attempt.share.tasks.some(
        ({ shard }) => (shards === undefined || shards.has(shard)) && attempt.mayHaveBegun(shard),
      ),
    );
  }

  /** Why a task was given up; undefined while it was open. */
  failureOf(shard: number): TaskFailure | undefined {
    return this.#states?.get(shard)?.lost?.failure;
  }

  partOf(
    attempt: Attempt,
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    timing: PartTiming | undefined,
  ): void {
    const { collector } = this;
    if (this.#done) return;
    // Of a shard whose items were refused, nothing more is forwarded.
    if (attempt.hasFailed(shards)) {
      this.#drop(attempt, data);
      return;
    }
    const now = this.#context.clock.now();
    // Streaming tasks are answered at their end.
    const fresh = this.streaming ? NO_SHARDS : this.#notYet(shards);
    try {
      collector.part(attempt, shards, data, segmentBytes);
    } catch (thrown) {
      const error = RegatherError.from(thrown);
      // Which shard of a combined part is at fault can't be told, so all of them are.
      for (const shard of shards) this.#failed(attempt, malformed(shard, error));
      this.#drop(attempt, data);
      this.#finishIfSettled();
      return;
    }
    // The answer as a whole was refused.
    if (this.#done) return;
    if (this.streaming) attempt.share.worker.load.heard(now);
    else attempt.answered(shards, fresh, now, timing, this.#options.tail);
    if (this.#states !== undefined) {
      for (let i = 0; i < fresh.length; i++) this.#beat(attempt, fresh[i]!, now);
    }
    this.#finishIfEnough(now);
    if (!this.#done && this.#hedges.came(attempt, now)) this.#arm(now);
  }

  /** Nobody will take it: the other shards of its call need the room. */
  #drop(attempt: Attempt, data: Uint8Array): void {
    if (this.streaming) attempt.handle?.grant(data.length);
  }

  /** A shard that is a root tells what it lacks. If that can't be read, its part may lack anything, and isn't taken. */
  belowOf(attempt: Attempt, shard: number, coverage: Uint8Array): void {
    if (this.#done) return;
    try {
      this.collector.below(shard, coverage);
    } catch (thrown) {
      this.#failed(attempt, malformed(shard, RegatherError.from(thrown)));
      this.#finishIfSettled();
    }
  }

  endOf(attempt: Attempt, end: LeafEnd): void {
    const { share } = attempt;
    const { clock, metrics } = this.#context;
    const now = clock.now();
    attempt.ends(end, now);
    const unusable = attempt.unusable(end);
    metrics.leafCallEnded(attempt, end, unusable);
    this.#options.trace?.attemptEnded(attempt, end);
    recordEnd(attempt, end, now, this.streaming);
    this.#options.tail.budget.answered(share.tasks.length - end.failures.length - unusable);
    if (this.#done) return;
    const { failures } = end;
    let retries: Shares | undefined;
    for (let i = 0; i < failures.length; i++) {
      // What it was told to stop, because others were first, hasn't failed.
      if (attempt.cancelled && !this.#isUndecided(failures[i]!.shard)) continue;
      const retry = this.#failed(attempt, failures[i]!);
      if (retry === undefined) continue;
      retries ??= new Shares();
      retries.add(retry.task, retry.replica, this.#options.tail.wanted(now));
    }
    for (let i = 0; i < share.tasks.length && !attempt.cancelled; i++) {
      const { shard } = share.tasks[i]!;
      if (!attempt.failed(shard)) this.collector.ended(shard);
    }
    for (const retry of retries?.list ?? []) this.#sendAgain('retry', retry, now);
    this.#finishIfSettled();
  }

  #send(kind: AttemptKind, share: Share, now: number, beside = false): Attempt {
    const { deadline, explain } = this.#options;
    const attempt = new Attempt(this, kind, share, now, explain, beside);
    let flushAfterMs = this.#flushAfterMs;
    if (typeof this.hedging === 'number' && attempt.isFirst) {
      const flushMs = this.#hedges.began(attempt, this.hedging, now);
      if (flushMs > 0) flushAfterMs = flushAfterMs === 0 ? flushMs : Math.min(flushAfterMs, flushMs);
    }
    const call = leafCallOf(this.#options, attempt, flushAfterMs);
    this.attempts.push(attempt);
    recordBegin(attempt, deadline);
    const { metrics } = this.#context;
    const { worker, tasks, probes } = share;
    if (kind === 'primary' && probes.length > 0) {
      metrics.tasksSent(worker, 'probe', probes.length);
      metrics.tasksSent(worker, kind, tasks.length - probes.length);
    } else metrics.tasksSent(worker, kind, tasks.length);
    attempt.handle = worker.run(call, attempt);
    return attempt;
  }

  /** A half-open replica gets tasks whose first attempts have been sent to others. Nobody waits for it, so its time is bounded here. */
  #probe(share: Share, now: number): void {
    const { deadline } = this.#options;
    for (const { shard } of share.tasks) {
      this.#stateOf(
        shard,
        this.attempts.find((attempt) => attempt.has(shard)),
      );
    }
    const attempt = this.#sendAgain('probe', share, now, true);
    attempt.patience = this.#context.clock.setTimer(() => attempt.cancel(), Math.max(0, deadline - now));
  }

  #sendAgain(kind: Exclude<AttemptKind, 'primary'>, share: Share, now: number, beside = false): Attempt {
    const attempt = this.#send(kind, share, now, beside);
    for (let i = 0; i < share.tasks.length; i++) this.#states!.sent(share.tasks[i]!.shard, attempt);
    return attempt;
  }

  /** The next thing that time brings. */
  #nextEvent(): number {
    return Math.min(this.#options.deadline, this.#hedges.nextAt, this.#enoughAt);
  }

  /** One timer, whatever there is to wait for. */
  #arm(now: number): void {
    this.#timer?.cancel();
    this.#timer = this.#context.clock.setTimer(this.#onTimer, Math.max(0, this.#nextEvent() - now));
  }

  readonly #onTimer = (): void => {
    const { clock } = this.#context;
    const now = clock.now();
    if (this.#options.deadline - now < EARLY_MS) this.#finish('deadline');
    else if (now - this.#nextEvent() > STALL_MS && !this.#stalled) {
      this.#stalled = true;
      this.#timer = clock.setTimer(this.#onTimer, STALL_MS / 2);
    } else if (this.#enoughAt - now < EARLY_MS) this.#finish('enough');
    else {
      this.#stalled = false;
      if (this.#hedges.nextAt - now < EARLY_MS) this.#hedge(now);
      this.#arm(now);
    }
  };

  /** Asks elsewhere for the tasks that have been open for so long. */
  #hedge(now: number): void {
    const slow = this.#hedges.due(now, this.#isOpen);
    const hedges = new Shares();
    const { tail } = this.#options;
    for (const { due, to } of chooseHedges(slow, this.#options, this.#knownOf, now)) {
      const { attempt, task } = due;
      if (typeof to === 'string') {
        this.#leaveAlone(attempt, task.shard, to, now);
        continue;
      }
      tail.metrics.hedges.inc();
      this.#stateOf(task.shard, attempt);
      hedges.add(task, to, tail.wanted(now));
    }
    for (const share of hedges.list) this.#sendAgain('hedge', share, now);
  }

  readonly #knownOf = (shard: number): TaskState | undefined => this.#states?.get(shard);

  /** Neither in the answer nor lost. */
  #isUndecided(shard: number): boolean {
    return !this.collector.has(shard) && this.#states?.get(shard)?.lost === undefined;
  }

  /** Its first attempt, and a probe beside it if there is one, is all that there has been. */
  readonly #isOpen = (shard: number): boolean => {
    const state = this.#states?.get(shard);
    return this.#isUndecided(shard) && state?.again !== true;
  };

  #leaveAlone(attempt: Attempt, shard: number, why: WithheldReason, now: number): void {
    attempt.leaveAlone(shard, why);
    this.#options.tail.metrics.notHedged[why].inc();
    this.#hedges.leftAlone(attempt, now);
  }

  /** A task was answered: other attempts at it lose, and are stopped when nothing else is wanted of them. */
  #beat(winner: Attempt, shard: number, now: number): void {
    const state = this.#states!.get(shard);
    if (state === undefined) return;
    if (winner.kind === 'hedge') this.#options.tail.metrics.hedgesWon.inc();
    for (const attempt of state.underWay) {
      if (attempt !== winner) attempt.beaten(shard, now, this.#options.tail);
    }
    state.underWay.length = 0;
  }

  /** Decides whether a failed task is tried again, and where; otherwise it is lost. */
  #failed(attempt: Attempt, failure: TaskFailure): { replica: Replica; task: LeafTask } | undefined {
    const { shard } = failure;
    if (attempt.failed(shard)) return undefined;
    attempt.fail(shard);
    if (this.collector.has(shard)) return undefined;
    const state = this.#stateOf(shard, attempt);
    if (state.lost !== undefined) return undefined;
    state.underWay.splice(state.underWay.indexOf(attempt), 1);
    const now = this.#context.clock.now();
    // What a shard says of the request, another replica would say as well; of other failures it may know better. A probe beside decides
    // nothing while others are at work, and nobody waits for one as long as there is someone else to ask.
    const decided = isVerdict(failure) && !attempt.beside;
    const other = state.underWay.find(({ beside }) => !beside);
    if (!decided && other !== undefined) {
      // A hedge that never began was none: it may go elsewhere.
      if (attempt.kind === 'hedge' && failure.notStarted) {
        state.again = false;
        this.#hedges.leftAlone(other, now);
        this.#arm(now);
      }
      return undefined;
    }
    if (decided) {
      for (const one of state.underWay) one.beaten(shard, now, this.#options.tail);
      state.underWay.length = 0;
    }
    const again = this.collector.restartable(shard) && now < this.#options.deadline;
    const replica = again ? chooseRetry(failure, state, this.#options, now) : undefined;
    if (replica !== undefined) return { replica, task: attempt.taskOf(shard) };
    if (state.underWay.length > 0) return undefined;
    const cause = this.collector.restartable(shard) ? causeOf(failure) : 'incomplete';
    this.#lose(state, failure, cause);
    return undefined;
  }

  /** Those that the answer hasn't yet. */
  #notYet(shards: readonly number[]): readonly number[] {
    for (let i = 0; i < shards.length; i++) {
      if (this.collector.has(shards[i]!)) return shards.filter((shard) => !this.collector.has(shard));
    }
    return shards;
  }

  #stateOf(shard: number, first: Attempt | undefined): TaskState {
    this.#states ??= new TaskStates();
    return this.#states.of(shard, first);
  }

  #lose(state: TaskState, failure: TaskFailure, cause: Cause): void {
    if (state.lost !== undefined) return;
    this.#states!.lose(state, failure, cause);
    this.collector.lost(failure.shard);
    const turnedAway = cause === 'shed' || (failure.source === 'task' && failure.notStarted);
    if (turnedAway && !this.#options.partial) this.#inVain = true;
  }

  #finishIfSettled(): void {
    if (this.#done) return;
    if (this.#states?.settled(this.#options.plan.tasks, this.collector)) this.#finish('settled');
    else if (this.#inVain) this.#finish('in_vain');
    else this.#finishIfEnough(this.#context.clock.now());
  }

  #finishIfEnough(now: number): void {
    if (this.collector.complete) {
      this.#finish('settled');
    } else if (this.#options.partial) {
      const enoughAt = this.collector.enoughAt(now);
      if (enoughAt === Number.NEGATIVE_INFINITY) this.#finish('enough');
      else if (enoughAt !== this.#enoughAt) {
        this.#enoughAt = enoughAt;
        this.#arm(now);
      }
    }
  }

  #finish(why: FinishReason): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer?.cancel();
    const now = why === 'settled' ? 0 : this.#context.clock.now();
    for (let i = 0; i < this.attempts.length; i++) {
      const attempt = this.attempts[i]!;
      // A probe beside others is let run on to its end, unless the client has left.
      if (attempt.ended || (attempt.open <= 0 && !(attempt.beside && why === 'cancelled'))) continue;
      if (why === 'deadline') {
        if (!this.collector.isHeldUp(attempt)) attempt.timedOut(this.collector, now);
      } else if (why === 'enough') attempt.notAwaited(this.collector, now, this.#options.tail);
      // A stream takes as long as its reader.
      else if (why !== 'settled' && !this.streaming) attempt.givenUp(this.collector, now, this.#options.tail);
      attempt.cancel();
    }
    this.collector.finished(why);
  }
}
