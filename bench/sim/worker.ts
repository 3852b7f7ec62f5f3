/**
 * A worker in virtual time: execution slots, a bounded queue, service times that are drawn, a wire that takes its time, and faults. It keeps the
 * link's contract (parts when all is done or after the flush, one End per call, times and load told) and answers the same bytes always. How long things
 * will take it expects by a worker's own code: an estimate of its own took one pause for what tasks are like, and turned away what could have been done.
 */
import type { Breaker } from '../../root/replicas/breaker.ts';
import { WorkerLoad } from '../../root/replicas/load.ts';
import type { Worker } from '../../root/replicas/worker.ts';
import { Pace, TypicalTime } from '../../shard/pace.ts';
import type { LeafCall, LeafHandle, LeafSink, TaskFailure } from '../../shared/link/leaf-call.ts';
import { requestId } from '../echo/shards.ts';
import type { VirtualClock } from './clock.ts';
import type { CpuCosts } from './machine.ts';
import type { SimProcess } from './process.ts';

export interface WorkerModel {
  readonly slots: number;
  /** Tasks that may wait for a slot. */
  readonly queue: number;
  /** How long a task of the request with this number runs there. */
  readonly serviceMs: (request: number, shard: number, worker: number) => number;
  /** How long a message takes, one way. */
  readonly wireMs: () => number;
  /** What every shard answers. */
  readonly payload: Uint8Array;
  readonly costs: CpuCosts;
  /** Whose leaf calls these are. */
  readonly root: SimProcess;
}

interface SimTask {
  readonly call: SimCall;
  readonly shard: number;
  queuedAt: number;
  queueMs: number;
  serviceMs: number;
  state: 'waiting' | 'running' | 'ready' | 'sent' | 'failed';
}

const RESOURCE_EXHAUSTED = 8;
const DEADLINE_EXCEEDED = 4;
const CANCELLED = 1;
const NONE: readonly number[] = [];

export function workerId(index: number): string {
  return `w${index}`;
}

export class SimWorker implements Worker {
  readonly index: number;
  readonly id: string;
  readonly address: string;
  readonly zone = undefined;
  readonly weight = 1;
  readonly breaker: Breaker;
  readonly load = new WorkerLoad();
  readonly draining = false;
  readonly state = 'link';
  readonly reason = '';
  connected = true;
  /** Multiplies service times. */
  slowness = 1;
  /** Tasks that were started. */
  started = 0;
  readonly clock: VirtualClock;
  readonly process: SimProcess;
  readonly model: WorkerModel;
  #running = 0;
  readonly #waiting: SimTask[] = [];
  #waitingFrom = 0;
  /** When the last message arrives, each way. */
  readonly #lastAt = { there: 0, back: 0 };
  /** What it expects, as a worker does. */
  readonly #pace: Pace;
  readonly #typical = new TypicalTime();

  constructor(index: number, breaker: Breaker, process: SimProcess, model: WorkerModel) {
    this.index = index;
    this.id = workerId(index);
    this.address = this.id;
    this.breaker = breaker;
    this.process = process;
    this.clock = process.clock;
    this.model = model;
    this.#pace = new Pace(model.slots);
  }

  serves(): boolean {
    return true;
  }

  run(call: LeafCall, sink: LeafSink): LeafHandle {
    return new SimCall(this, call, sink);
  }

  finished(): void {}

  /** A message on its link, where none overtakes another. */
  travel(way: 'there' | 'back', arrives: () => void): void {
    const at = Math.max(this.#lastAt[way], this.clock.now() + this.model.wireMs());
    this.#lastAt[way] = at;
    this.clock.at(at, arrives);
  }

  get inFlight(): number {
    return this.#running + this.#queued;
  }

  /** False if there is no room, or it can't be done in time (docs/decisions/0010-shedding-at-workers.md). */
  submit(task: SimTask): boolean {
    const { slots, queue } = this.model;
    const now = this.clock.now();
    if (this.inFlight >= slots + queue) return false;
    if (this.#running >= slots && this.#pace.isKnown) {
      const spareMs = task.call.call.deadline - now - this.#typical.ms;
      if (this.#pace.waitMs(this.#queued + 1) > spareMs / 2) return false;
    }
    task.queuedAt = now;
    this.#waiting.push(task);
    this.#fill();
    return true;
  }

  /** A running task is of no use any more: handlers see their signal and stop. */
  stopped(task: SimTask): void {
    this.#release(task);
    this.#fill();
  }

  /** How long a root that is turned away is to keep away. */
  get pushbackMs(): number {
    return Math.min(1000, Math.max(1, Math.ceil(this.#pace.waitMs(this.inFlight))));
  }

  get #queued(): number {
    return this.#waiting.length - this.#waitingFrom;
  }

  #release(task: SimTask): void {
    const now = this.clock.now();
    task.serviceMs = now - task.queuedAt - task.queueMs;
    this.#running--;
    this.#pace.freed(now, task.serviceMs, this.#queued > 0);
    this.#typical.took(task.serviceMs);
  }

  #fill(): void {
    const now = this.clock.now();
    while (this.#running < this.model.slots && this.#waitingFrom < this.#waiting.length) {
      const task = this.#waiting[this.#waitingFrom++]!;
      if (task.state !== 'waiting') continue;
      const leftMs = task.call.call.deadline - now;
      if (leftMs <= 0 || (leftMs < this.#typical.ms && this.#queued > 0)) {
        task.call.turnedAway(task, leftMs <= 0 ? DEADLINE_EXCEEDED : RESOURCE_EXHAUSTED);
        continue;
      }
      this.#running++;
      this.started++;
      task.state = 'running';
      task.queueMs = now - task.queuedAt;
      task.serviceMs = this.model.serviceMs(task.call.request, task.shard, this.index) * this.slowness;
      this.clock.at(now + task.serviceMs, () =>
        this.process.run(this.model.costs.handler, () => {
          if (task.state !== 'running') return;
          task.state = 'ready';
          this.#release(task);
          task.call.ready();
          this.#fill();
        }),
      );
    }
    if (this.#waitingFrom > 1024 && this.#waitingFrom * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#waitingFrom);
      this.#waitingFrom = 0;
    }
  }
}

class SimCall implements LeafHandle {
  readonly call: LeafCall;
  /** Its number. */
  readonly request: number;
  readonly #worker: SimWorker;
  readonly #sink: LeafSink;
  #tasks: SimTask[] = [];
  #receivedAt = 0;
  #failures: TaskFailure[] = [];
  #flushed = false;
  /** The End is on its way. */
  #over = false;

  constructor(worker: SimWorker, call: LeafCall, sink: LeafSink) {
    this.#worker = worker;
    this.call = call;
    this.request = requestId(call.payload);
    this.#sink = sink;
    const { call: each, handler } = worker.model.costs;
    worker.travel('there', () =>
      worker.process.run(each + handler * call.tasks.length, () => this.#received()),
    );
  }

  cancel(): void {
    this.#worker.travel('there', () =>
      this.#worker.process.run(0, () => {
        if (this.#over) return;
        for (const task of this.#tasks) {
          if (task.state === 'ready' || task.state === 'sent' || task.state === 'failed') continue;
          const running = task.state === 'running';
          this.#fail(task, CANCELLED, !running, 0);
          if (running) this.#worker.stopped(task);
        }
        this.#send();
      }),
    );
  }

  grant(): void {}

  ready(): void {
    const open = this.#tasks.some(({ state }) => state === 'waiting' || state === 'running');
    if (!open || this.#flushed) this.#send();
  }

  turnedAway(task: SimTask, code: number): void {
    this.#fail(task, code, true, code === RESOURCE_EXHAUSTED ? this.#worker.pushbackMs : 0);
    this.ready();
  }

  #received(): void {
    const { clock } = this.#worker;
    const { tasks, apart, flushAfterMs } = this.call;
    this.#receivedAt = clock.now();
    this.#flushed = apart === true;
    this.#tasks = tasks.map(({ shard }) => ({
      call: this,
      shard,
      queuedAt: 0,
      queueMs: 0,
      serviceMs: 0,
      state: 'waiting',
    }));
    for (const task of this.#tasks) {
      if (!this.#worker.submit(task)) this.#fail(task, RESOURCE_EXHAUSTED, true, this.#worker.pushbackMs);
    }
    if (flushAfterMs > 0 && !this.#flushed) {
      // As the worker's timers: whole milliseconds, rounded up.
      this.#worker.process.setTimer(() => this.#flush(), Math.ceil(flushAfterMs));
    }
    this.ready();
  }

  #flush(): void {
    this.#flushed = true;
    if (!this.#over) this.#send();
  }

  #fail(task: SimTask, code: number, notStarted: boolean, pushbackMs: number): void {
    task.state = 'failed';
    this.#failures.push({
      shard: task.shard,
      code,
      message: 'simulated',
      notStarted,
      pushbackMs,
      source: 'task',
    });
  }

  /** What is ready, and the End if nothing is open. */
  #send(): void {
    if (this.#over) return;
    const { clock, model } = this.#worker;
    const parts = this.#tasks.filter(({ state }) => state === 'ready');
    for (const task of parts) task.state = 'sent';
    const ends = this.#tasks.every(({ state }) => state === 'sent' || state === 'failed');
    if (parts.length === 0 && !ends) return;
    this.#over = ends;
    const heldUs = Math.max(1, Math.round((clock.now() - this.#receivedAt) * 1000));
    const inFlight = this.#worker.inFlight;
    const longest = { queueUs: 0, serviceUs: 0 };
    for (const { queueMs, serviceMs } of this.#tasks) {
      longest.queueUs = Math.max(longest.queueUs, Math.round(queueMs * 1000));
      longest.serviceUs = Math.max(longest.serviceUs, Math.round(serviceMs * 1000));
    }
    const { call: each, message, task: eachTask } = model.costs;
    const arrives = (): void => {
      for (const { shard, queueMs, serviceMs } of parts) {
        this.#sink.part([shard], model.payload, NONE, {
          queueUs: [Math.round(queueMs * 1000)],
          serviceUs: [Math.round(serviceMs * 1000)],
          heldUs,
        });
      }
      if (ends)
        this.#sink.end({
          failures: this.#failures,
          queueUs: longest.queueUs,
          serviceUs: longest.serviceUs,
          inFlight,
        });
    };
    this.#worker.process.run(each, () =>
      this.#worker.travel('back', () => model.root.run(message + eachTask * parts.length, arrives)),
    );
  }
}
