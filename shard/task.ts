/**
 * One task: one request to one shard's handler. It waits, runs, and tells its owner (a leaf call or a plain call) exactly once
 * how it ended, unless the owner has given it up before.
 */
import type { Timer } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import type { Compartment } from './bulkheads.ts';
import { Job, type TurnedAway } from './execution.ts';
import type { Call } from './handlers.ts';
import type { Host } from './host.ts';
import type { HostedShard } from './hosted-shard.ts';
import type { WorkerMethod } from './method.ts';
import type { TypicalTime } from './pace.ts';
import { expired, turnedAway } from './refusals.ts';
import { type Status, statusOf } from './status.ts';
import { forwardItems } from './stream.ts';
import { type TaskTrace, traceTask } from './task-trace.ts';

/** Why a task is given up. Its text is what the handler's signal is aborted with. */
export type GiveUp = 'cancelled' | 'deadline';

export interface TaskOwner {
  readonly host: Host;
  /** On the clock; Infinity: none. */
  readonly deadline: number;
  readonly priority: number;
  readonly root: string;
  readonly metadata: LeafMetadata;
  readonly maxPartBytes: number;
  /** Unary: the answer. Streaming: all items are through, and `data` is empty. */
  answered(task: Task, data: Uint8Array): void;
  failed(task: Task, status: Status, notStarted: boolean, pushbackMs: number): void;
  /** Streaming. Returns undefined if more may be produced at once. Throws if the items can't be sent. */
  items(task: Task, data: Uint8Array, lengths: readonly number[]): Promise<void> | undefined;
}

export class Task extends Job {
  readonly owner: TaskOwner;
  readonly method: WorkerMethod;
  readonly shard: HostedShard;
  /** Position among the tasks of its owner. */
  readonly position: number;
  readonly payload: Uint8Array;
  readonly priority: number;
  readonly root: string;
  readonly deadline: number;
  override readonly typical: TypicalTime | undefined;
  override readonly compartment: Compartment | undefined;
  /** How long it waited for its slot, and ran, in ms. */
  waitedMs = 0;
  tookMs = 0;
  state: 'waiting' | 'running' | 'over' = 'waiting';
  #abort: AbortController | undefined = undefined;
  #givenUp: GiveUp | undefined = undefined;
  /** Ends the wait of the slot. */
  #release: (() => void) | undefined = undefined;
  /** Streaming: it has no slot. */
  #resting = false;
  /** Streaming: ends the wait for another slot. */
  #wake: (() => void) | undefined = undefined;
  #settled = false;
  #trace: TaskTrace | undefined = undefined;
  #patience: Timer | undefined = undefined;
  /** Streaming: asks the iterator to end. */
  endItems: (() => void) | undefined = undefined;

  constructor(
    owner: TaskOwner,
    method: WorkerMethod,
    shard: HostedShard,
    position: number,
    payload: Uint8Array,
  ) {
    super();
    this.owner = owner;
    this.method = method;
    this.shard = shard;
    this.position = position;
    this.payload = payload;
    this.priority = owner.priority;
    this.root = owner.root;
    this.deadline = owner.deadline;
    this.typical = method.typical;
    this.compartment = shard.compartments[method.index];
  }

  override get givenUp(): boolean {
    return this.#givenUp !== undefined;
  }

  get isOver(): boolean {
    return this.state === 'over';
  }

  /** Only read on demand: see `Call.signal`. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#givenUp !== undefined) this.#abort.abort(reasonOf(this.#givenUp));
    }
    return this.#abort.signal;
  }

  override run(now: number): Promise<void> | undefined {
    const { method } = this;
    this.state = 'running';
    this.waitedMs = now - this.queuedAt;
    method.metrics.started.value += 1;
    method.metrics.queueSeconds.observe(this.waitedMs / 1000);
    this.#trace = traceTask(method.path, this.shard.index, this.waitedMs, this.owner.metadata);
    return this.#trace === undefined ? this.#execute() : this.#trace.run(() => this.#execute());
  }

  #execute(): Promise<void> | undefined {
    const { method, shard } = this;
    let request: unknown;
    try {
      request = method.decode(this.payload);
    } catch (error) {
      this.fail(malformed(method, error));
      return undefined;
    }
    let result: unknown;
    try {
      result = shard.handlers[method.index]!(request, new TaskCall(this));
      if (method.streaming) return this.#hold(forwardItems(this, result));
      if (isThenable(result)) return this.#hold(Promise.resolve(result));
    } catch (error) {
      this.fail(statusOf(error));
      return undefined;
    }
    this.#reply(result);
    return undefined;
  }

  override expire(): void {
    this.state = 'over';
    this.method.metrics.notStarted.expired.value += 1;
    this.owner.failed(this, expired, true, 0);
  }

  override turnAway(why: TurnedAway): void {
    const { execution } = this.owner.host;
    this.state = 'over';
    this.method.metrics.notStarted[why].value += 1;
    // Other shards have slots here.
    const pushbackMs = why === 'shard_hangs' ? 0 : execution.pushbackMs();
    this.owner.failed(this, turnedAway(why, execution), true, pushbackMs);
  }

  override heldBack(): void {
    this.method.metrics.heldBack.value += 1;
  }

  /**
   * The owner wants nothing more and hears nothing more. Work that waits never starts (then true is returned), work that runs sees its signal.
   */
  giveUp(why: GiveUp): boolean {
    if (this.state === 'over') return false;
    const { host } = this.owner;
    const { metrics } = this.method;
    if (this.state === 'waiting') {
      this.state = 'over';
      if (why === 'deadline') {
        host.execution.withdrawExpired(this);
        metrics.notStarted.expired.value += 1;
      } else {
        host.execution.withdraw(this);
        metrics.notStarted.cancelled.value += 1;
      }
      return true;
    }
    this.#givenUp = why;
    metrics.aborted.value += 1;
    this.#over(why === 'deadline' ? 4 : 1, reasonOf(why).message);
    this.#abort?.abort(reasonOf(why));
    this.endItems?.();
    this.#wake?.();
    if (!this.#settled) this.#waitForHandler();
    return false;
  }

  /**
   * Streaming: waits until the reader wants more. The slot goes to others meanwhile, or a few readers that take their time would keep
   * everybody else waiting; it takes the next free one then, before what hasn't begun.
   */
  async rest(gate: Promise<void>): Promise<void> {
    this.#resting = true;
    this.#release?.();
    this.#release = undefined;
    await gate;
    if (this.isOver) return;
    await new Promise<void>((wake) => {
      this.#wake = wake;
      this.owner.host.execution.resume(new RestOfTask(this));
    });
    this.#wake = undefined;
  }

  /** It has a slot again: resolves when that is free. */
  awake(): Promise<void> | undefined {
    if (this.isOver) return undefined;
    return new Promise((resolve) => {
      this.#resting = false;
      this.#release = resolve;
      this.#wake?.();
    });
  }

  /** Ends it with what the handler made; `stream.ts` ends with no data. */
  answer(data: Uint8Array): void {
    if (this.state === 'over') return;
    this.#over(0, '');
    this.owner.answered(this, data);
  }

  fail(status: Status): void {
    if (this.state === 'over') return;
    this.#over(status.code, status.message);
    if (status.unexpected) {
      this.owner.host.log.error('A handler failed without a status of its own', {
        method: this.method.name,
        shard: this.shard.index,
        error: status.message,
      });
    }
    this.owner.failed(this, status, false, 0);
  }

  #over(code: number, message: string): void {
    this.state = 'over';
    this.tookMs = this.owner.host.clock.now() - this.startedAt;
    this.method.metrics.finished(code, this.tookMs / 1000);
    this.#trace?.end(code, message);
  }

  #reply(value: unknown): void {
    // Nobody wants it any more: don't pay for encoding it.
    if (this.state === 'over') return;
    let data: Uint8Array;
    try {
      data = value instanceof Uint8Array ? value : this.method.encode(value);
    } catch (error) {
      this.fail(wrongAnswer(this, error));
      return;
    }
    if (data.length > this.owner.maxPartBytes) this.fail(tooLarge(this, data.length, 'partial'));
    else this.answer(data);
  }

  /** What the slot waits for: the handler, or, once it was given up, not much longer. */
  #hold(result: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      // A stream may have come to its first rest already.
      if (this.#resting) resolve();
      else this.#release = resolve;
      result.then(
        (value) => {
          // A stream's work has ended its task by itself.
          if (!this.method.streaming) this.#reply(value);
          this.#settle();
        },
        (error: unknown) => {
          this.fail(statusOf(error));
          this.#settle();
        },
      );
    });
  }

  #settle(): void {
    this.#settled = true;
    this.#patience?.cancel();
    this.#release?.();
  }

  #waitForHandler(): void {
    const { host } = this.owner;
    this.#patience = host.clock.setTimer(() => {
      host.log.warn('A handler did not end after its signal was aborted; its slot is given to others', {
        method: this.method.name,
        shard: this.shard.index,
        waitedMs: host.abandonAfterMs,
      });
      this.#release?.();
    }, host.abandonAfterMs);
  }
}

/** A streaming task that waits for a slot again. */
class RestOfTask extends Job {
  override readonly resumed = true;
  readonly deadline: number;
  readonly priority: number;
  readonly root: string;
  readonly #task: Task;
  constructor(task: Task) {
    super();
    this.#task = task;
    this.deadline = task.deadline;
    this.root = task.root;
    // Priorities are whole: before what hasn't begun, but not before what matters more.
    this.priority = task.priority + 0.5;
  }
  override run(): Promise<void> | undefined {
    return this.#task.awake();
  }
  /** The task's owner sees to its deadline. */
  override expire(): void {}
  /** It was let in before: only what hasn't begun is turned away. */
  override turnAway(): void {}
}

/** What the handler sees: nothing of the task's own doings. */
class TaskCall implements Call {
  readonly #task: Task;
  constructor(task: Task) {
    this.#task = task;
  }
  get shard(): number {
    return this.#task.shard.index;
  }
  get deadlineMs(): number {
    return this.#task.deadline - this.#task.owner.host.clock.now();
  }
  get signal(): AbortSignal {
    return this.#task.signal;
  }
  get metadata(): LeafMetadata {
    return this.#task.owner.metadata;
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

function reasonOf(why: GiveUp): RegatherError {
  return why === 'deadline'
    ? new RegatherError('DEADLINE_PASSED', 'The deadline of the call has passed')
    : new RegatherError('CANCELLED', 'The caller cancelled, or the connection to it was lost');
}

function malformed(method: WorkerMethod, error: unknown): Status {
  if (error instanceof RegatherError) return statusOf(error);
  const text = error instanceof Error ? error.message : String(error);
  return { code: 3, message: `The request of ${method.name} does not decode: ${text}`, unexpected: false };
}

/** INTERNAL, because the defect is in the worker's own code. `error` names the field. */
export function wrongAnswer(task: Task, error: unknown): Status {
  const text = error instanceof Error ? error.message : String(error);
  return {
    code: 13,
    message: `The handler of ${task.method.name} (shard ${task.shard.index}) returned ${text}`,
    unexpected: true,
  };
}

export function tooLarge(task: Task, sizeBytes: number, what: 'partial' | 'item'): Status {
  return {
    code: 8,
    message:
      `Expected the ${what} of ${task.method.name} (shard ${task.shard.index}) to be at most ` +
      `${task.owner.maxPartBytes} bytes (max_answer_bytes), got ${sizeBytes}`,
    unexpected: false,
  };
}
