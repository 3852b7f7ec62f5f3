/**
 * A leaf call on its way through the worker: a task per shard, their partials combined where nothing is lost by it, sent as one
 * part when all are done, or as several if some are late. It ends exactly once.
 */
import type { Timer } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { IncomingCall } from '../shared/link/incoming-call.ts';
import type { LeafMetadata, TaskFailure } from '../shared/link/leaf-call.ts';
import { type Alarmed, delayUntil } from './alarms.ts';
import { combineParts, worthCombining } from './combine.ts';
import type { Host } from './host.ts';
import type { WorkerMethod } from './method.ts';
import { cancelled, draining, methodUnknown, notServed, overdue, turnedAway } from './refusals.ts';
import { type Status, statusOf } from './status.ts';
import { type GiveUp, Task, type TaskOwner } from './task.ts';

export class LeafRun implements TaskOwner, Alarmed {
  readonly host: Host;
  readonly deadline: number;
  readonly priority: number;
  readonly root: string;
  readonly metadata: LeafMetadata;
  readonly maxPartBytes: number;
  over = false;
  readonly #call: IncomingCall;
  readonly #tasks: Task[] = [];
  /** By the task's position; undefined: no answer, or it is sent. */
  readonly #answers: (Uint8Array | undefined)[] = [];
  readonly #failures: TaskFailure[] = [];
  /** Tasks whose end isn't known yet. */
  #open = 0;
  /** 0: the flush has been, or wasn't waited for; what is ready goes out at once. */
  #flushAt: number;
  #timer: Timer | undefined = undefined;
  #queueMs = 0;
  #serviceMs = 0;

  private constructor(host: Host, call: IncomingCall) {
    this.host = host;
    this.deadline = call.deadline;
    this.priority = call.priority;
    this.root = call.root;
    this.metadata = call.metadata;
    this.maxPartBytes = call.maxPartBytes;
    this.#call = call;
    if (call.apart) this.#flushAt = 0;
    else
      this.#flushAt = call.flushAfterMs > 0 ? host.clock.now() + call.flushAfterMs : Number.POSITIVE_INFINITY;
  }

  /** Takes a call; its tasks begin in a microtask at the earliest, so all calls of a batch queue before the first runs. */
  static start(host: Host, call: IncomingCall): void {
    host.began();
    new LeafRun(host, call).#start();
  }

  #start(): void {
    const { host } = this;
    const call = this.#call;
    const method = host.methods.get(call.method);
    if (method === undefined) {
      this.#refuseAll(methodUnknown(call.method), false);
    } else if (host.draining) {
      method.metrics.notStarted.draining.value += call.tasks.length;
      this.#refuseAll(draining, true);
    } else if (call.cancelled) {
      method.metrics.notStarted.cancelled.value += call.tasks.length;
      this.#refuseAll(cancelled, true);
    } else {
      this.#submit(method);
    }
    if (this.#open === 0) {
      this.#end();
      return;
    }
    call.onCancel = this.#onCancel;
    host.alarms.watch(this);
  }

  #submit(method: WorkerMethod): void {
    const { host } = this;
    const call = this.#call;
    for (const { shard: index, payload } of call.tasks) {
      const shard = host.shards.get(index);
      if (shard?.handlers[method.index] === undefined) {
        method.metrics.notStarted.not_served.value += 1;
        this.#refuse(index, notServed(index), true, 0);
        continue;
      }
      const task = new Task(this, method, shard, this.#tasks.length, payload ?? call.payload);
      const turned = host.execution.submit(task);
      if (turned === undefined) {
        this.#tasks.push(task);
        this.#answers.push(undefined);
        this.#open += 1;
      } else {
        method.metrics.notStarted[turned].value += 1;
        this.#refuse(index, turnedAway(turned, host.execution), true, host.execution.pushbackMs());
      }
    }
  }

  #refuseAll(status: Status, notStarted: boolean): void {
    for (const task of this.#call.tasks) this.#refuse(task.shard, status, notStarted, 0);
  }

  #refuse(shard: number, status: Status, notStarted: boolean, pushbackMs: number): void {
    const { code, message, details } = status;
    const failure = { shard, code, message, notStarted, pushbackMs, source: 'task' } as const;
    this.#failures.push(details === undefined ? failure : { ...failure, details });
  }

  answered(task: Task, data: Uint8Array): void {
    if (!task.method.streaming) this.#answers[task.position] = data;
    this.#settled(task);
  }

  failed(task: Task, status: Status, notStarted: boolean, pushbackMs: number): void {
    this.#refuse(task.shard.index, status, notStarted, pushbackMs);
    this.#settled(task);
  }

  items(task: Task, data: Uint8Array, lengths: readonly number[]): Promise<void> | undefined {
    this.host.metrics.bytesOut.value += data.length;
    return this.#call.items(task.shard.index, data, lengths);
  }

  #settled(task: Task): void {
    if (task.waitedMs > this.#queueMs) this.#queueMs = task.waitedMs;
    if (task.tookMs > this.#serviceMs) this.#serviceMs = task.tookMs;
    this.#open -= 1;
    if (this.#open === 0) {
      this.#send();
      // Its slot is given back after this: it doesn't count as load any more.
      this.#end(task.tookMs > 0 ? 1 : 0);
    } else if (this.#flushAt === 0) {
      this.#send();
    }
  }

  /** Sends the answers that are ready as one part, if they combine, else each as its own. */
  #send(): void {
    const tasks = this.#tasks;
    const answers = this.#answers;
    let only = -1;
    let ready = 0;
    let bytes = 0;
    for (let i = 0; i < answers.length; i++) {
      const data = answers[i];
      if (data === undefined) continue;
      ready += 1;
      bytes += data.length;
      only = i;
    }
    if (ready === 0) return;
    const merge = tasks[only]!.method.merge;
    if (merge !== undefined && worthCombining(this.host.combine, ready, bytes) && this.#sendCombined(merge))
      return;
    for (let i = 0; i < answers.length; i++) {
      const data = answers[i];
      if (data === undefined) continue;
      answers[i] = undefined;
      const { shard, waitedMs, tookMs } = tasks[i]!;
      this.#part([shard.index], data, noSegments, [toUs(waitedMs)], [toUs(tookMs)]);
    }
  }

  #sendCombined(merge: NonNullable<WorkerMethod['merge']>): boolean {
    const answers = this.#answers;
    const partials: { shard: number; payload: Uint8Array }[] = [];
    const queueUs: number[] = [];
    const serviceUs: number[] = [];
    let request: Uint8Array | undefined;
    for (let i = 0; i < answers.length; i++) {
      const payload = answers[i];
      if (payload === undefined) continue;
      request ??= this.#tasks[i]!.payload;
      const { shard, waitedMs, tookMs } = this.#tasks[i]!;
      partials.push({ shard: shard.index, payload });
      queueUs.push(toUs(waitedMs));
      serviceUs.push(toUs(tookMs));
    }
    const combined = combineParts(this.host, merge, partials, request!);
    if (combined === undefined || combined.data.length > this.maxPartBytes) return false;
    answers.fill(undefined);
    const shards = partials.map((partial) => partial.shard);
    this.#part(shards, combined.data, combined.segmentBytes, queueUs, serviceUs);
    return true;
  }

  #part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    queueUs: readonly number[],
    serviceUs: readonly number[],
  ): void {
    this.host.metrics.bytesOut.value += data.length;
    try {
      this.#call.part(shards, data, segmentBytes, queueUs, serviceUs);
    } catch (error) {
      const status = statusOf(RegatherError.from(error));
      for (const shard of shards) this.#refuse(shard, status, false, 0);
    }
  }

  /** What came after a flush: nothing is held back any longer. */
  #flush(): void {
    this.#flushAt = 0;
    this.#send();
  }

  readonly #onCancel = (): void => this.#giveUp('cancelled', cancelled);

  #giveUp(why: GiveUp, status: Status): void {
    if (this.over) return;
    for (const task of this.#tasks) {
      if (task.state === 'over') continue;
      const notStarted = task.giveUp(why);
      this.#refuse(task.shard.index, status, notStarted, 0);
    }
    this.#open = 0;
    this.#send();
    this.#end();
  }

  arm(): void {
    const at = Math.min(this.#flushAt === 0 ? Number.POSITIVE_INFINITY : this.#flushAt, this.deadline);
    if (at === Number.POSITIVE_INFINITY) return;
    const { clock } = this.host;
    this.#timer = clock.setTimer(this.#onTimer, delayUntil(at, clock.now()));
  }

  readonly #onTimer = (): void => {
    const now = this.host.clock.now();
    if (now >= this.deadline) {
      this.#giveUp('deadline', overdue);
      return;
    }
    if (this.#flushAt > 0 && now >= this.#flushAt) this.#flush();
    if (!this.over) this.arm();
  };

  #end(finishing = 0): void {
    this.over = true;
    this.#timer?.cancel();
    this.#call.end(
      this.#failures,
      toUs(this.#queueMs),
      toUs(this.#serviceMs),
      this.host.execution.load - finishing,
    );
    this.host.ended();
  }
}

function toUs(ms: number): number {
  return Math.round(ms * 1000);
}

const noSegments: readonly number[] = [];
