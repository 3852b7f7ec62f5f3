/**
 * A root, its workers and clients that try again, in virtual time: the root's real admission, the workers' real execution slots and queues;
 * only what is between them, and the handlers, is simulated. A request has a task on each worker and is good if all are done in time.
 */
import { Admission, type AdmissionOptions, Candidate } from '../../root/admission/admission.ts';
import type { MethodLatency } from '../../root/admission/latency.ts';
import { Execution, Job, type TurnedAway } from '../../shard/execution.ts';
import { TypicalTime } from '../../shard/pace.ts';
import type { LeafEnd } from '../../shared/link/leaf-call.ts';
import { Counter, record } from '../../shared/metrics/instruments.ts';
import { type ShedReason, shedReasons } from '../../shared/metrics/root.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface ModelOptions {
  readonly workers: number;
  readonly slots: number;
  readonly serviceMs: number;
  readonly timeoutMs: number;
  readonly admission: AdmissionOptions;
  /** Workers say how long tasks waited and ran, as over a link. */
  readonly reports: boolean;
  /** `false`: as without any of it. Workers take whatever comes and finish it, whether anybody waits for it or not. */
  readonly shedding: boolean;
  /** Times that a client tries again what failed. */
  readonly retries: number;
  readonly seed: number;
}

/** What came of the requests that were first sent in a second. */
export interface Second {
  /** First attempts of clients. */
  sent: number;
  /** Answers within their deadlines, by the second in which they came. */
  good: number;
  /** The root's limit at its end, leaf calls. */
  limit: number;
  readonly latenciesMs: number[];
}

export class OverloadModel {
  readonly clock = new VirtualClock();
  readonly admission: Admission;
  readonly options: ModelOptions;
  readonly method: MethodLatency;
  readonly executions: readonly Execution[];
  readonly typical: readonly TypicalTime[];
  readonly seconds: Second[] = [];
  readonly shed = record(shedReasons, () => new Counter());
  /** Times the usual service time. */
  slowdown = 1;
  /** Times what the workers can do. */
  load = 0;
  open = 0;
  #seed: number;

  constructor(options: ModelOptions) {
    this.options = options;
    this.#seed = options.seed;
    const { clock } = this;
    this.admission = new Admission(
      { ...options.admission, queueBytes: Number.POSITIVE_INFINITY },
      clock,
      { p50Ms: 0, p99Ms: 0, meanMs: 0 },
      { shed: this.shed, waitSeconds: { observe: () => undefined } },
      () => this.random(),
    );
    this.admission.workers(options.workers);
    this.method = this.admission.method();
    this.executions = Array.from(
      { length: options.workers },
      () => new Execution({ concurrency: options.slots, queue: options.shedding ? 1000 : 1_000_000, clock }),
    );
    this.typical = this.executions.map(() => new TypicalTime());
    this.#arrive();
  }

  /** Answers per second that the workers are able to give, while nothing is slow. */
  get capacity(): number {
    return (this.options.slots * 1000) / this.options.serviceMs;
  }

  get shedCount(): number {
    return shedReasons.reduce((sum, reason) => sum + this.shed[reason].value, 0);
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return (this.#seed + 0.5) / 2 ** 32;
  }

  exponential(meanMs: number): number {
    return -meanMs * Math.log(this.random());
  }

  second(): Second {
    const index = Math.floor(this.clock.now() / 1000);
    this.seconds[index] ??= { sent: 0, good: 0, limit: 0, latenciesMs: [] };
    return this.seconds[index];
  }

  /** Lets so many seconds pass; slots are handed out by promises, which get their turn after every event. */
  async run(seconds: number): Promise<void> {
    const until = this.clock.now() + seconds * 1000;
    let passed = false;
    this.clock.setTimer(() => {
      passed = true;
    }, until - this.clock.now());
    while (!passed) {
      this.clock.step();
      await new Promise(setImmediate);
      this.second().limit = this.admission.limit;
    }
  }

  /** Good answers per second, over the last so many whole seconds, as a share of what the workers can do. */
  goodput(seconds: number): number {
    const last = this.seconds.slice(-seconds - 1, -1);
    return last.reduce((sum, { good }) => sum + good, 0) / last.length / this.capacity;
  }

  #arrive(): void {
    const rate = this.capacity * Math.max(this.load, 1e-3);
    this.clock.setTimer(
      () => {
        if (this.load > 0) {
          this.second().sent++;
          new ModelRequest(this, this.options.retries).start();
        }
        this.#arrive();
      },
      Math.min(50, this.exponential(1000 / rate)),
    );
  }
}

class ModelRequest extends Candidate {
  readonly units: number;
  readonly sizeBytes = 0;
  readonly priority = 0;
  readonly deadline: number;
  readonly latency: MethodLatency;
  readonly model: OverloadModel;
  readonly #retries: number;
  readonly #cameAt: number;
  #admittedAt = 0;
  #tasks: ModelTask[] = [];
  #done = 0;

  constructor(model: OverloadModel, retries: number) {
    super();
    this.model = model;
    this.#retries = retries;
    this.units = model.options.workers;
    this.latency = model.method;
    this.#cameAt = model.clock.now();
    this.deadline = this.#cameAt + model.options.timeoutMs;
  }

  start(): void {
    this.model.open++;
    if (this.model.admission.enter(this.units)) this.admitted();
    else this.model.admission.wait(this);
  }

  override admitted(): void {
    const { model } = this;
    this.#admittedAt = model.clock.now();
    model.clock.setTimer(() => this.#end('deadline'), this.deadline - this.#admittedAt);
    for (let i = 0; i < model.executions.length; i++) {
      const task = new ModelTask(this, model.typical[i]!, model.executions[i]!);
      this.#tasks.push(task);
      const turned = model.executions[i]!.submit(task);
      if (turned !== undefined) task.turnAway();
    }
  }

  override shed(_reason: ShedReason, pushbackMs: number): void {
    this.model.open--;
    this.#again(pushbackMs);
  }

  taskDone(task: ModelTask): void {
    const { model } = this;
    if (model.options.reports) model.admission.leafCallEnded(endOf(task.waitedMs, task.tookMs), 1, 2);
    if (this.isOver) return;
    if (++this.#done === this.#tasks.length) this.#end('good');
  }

  taskShed(): void {
    this.model.admission.leafCallEnded(SHED, 1, 2);
    this.#end('shed');
  }

  get isOver(): boolean {
    return this.#done < 0;
  }

  #end(how: 'good' | 'deadline' | 'shed'): void {
    if (this.isOver) return;
    const { model } = this;
    this.#done = -1_000_000;
    model.open--;
    const now = model.clock.now();
    for (const task of this.#tasks) task.cancel();
    const ms = how === 'shed' ? undefined : now - this.#admittedAt;
    model.admission.done(this.units, this.latency, ms);
    if (how === 'good') {
      model.second().good++;
      model.second().latenciesMs.push(now - this.#cameAt);
    } else this.#again(0);
  }

  #again(pushbackMs: number): void {
    if (this.#retries === 0) return;
    const { model } = this;
    const retry = new ModelRetry(model, this.#retries - 1);
    model.clock.setTimer(() => retry.start(), Math.max(pushbackMs, model.exponential(20)));
  }
}

const SHED: LeafEnd = {
  failures: [{ shard: 0, code: 8, message: 'simulated', notStarted: true, pushbackMs: 0, source: 'task' }],
  queueUs: 0,
  serviceUs: 0,
  inFlight: -1,
};

function endOf(waitedMs: number, tookMs: number): LeafEnd {
  return { failures: [], queueUs: waitedMs * 1000, serviceUs: tookMs * 1000, inFlight: -1 };
}

/** The deadline of a retry is its own. */
class ModelRetry {
  readonly #model: OverloadModel;
  readonly #retries: number;
  constructor(model: OverloadModel, retries: number) {
    this.#model = model;
    this.#retries = retries;
  }
  start(): void {
    new ModelRequest(this.#model, this.#retries).start();
  }
}

class ModelTask extends Job {
  readonly root = 'root';
  readonly priority = 0;
  readonly deadline: number;
  override readonly typical: TypicalTime;
  waitedMs = 0;
  tookMs = 0;
  readonly #request: ModelRequest;
  readonly #execution: Execution;
  #over = false;

  constructor(request: ModelRequest, typical: TypicalTime, execution: Execution) {
    super();
    this.#request = request;
    this.#execution = execution;
    this.typical = typical;
    this.deadline = request.model.options.shedding ? request.deadline : Number.POSITIVE_INFINITY;
  }

  override run(now: number): Promise<void> {
    const { model } = this.#request;
    this.waitedMs = now - this.queuedAt;
    this.tookMs = model.exponential(model.options.serviceMs * model.slowdown);
    this.#over = true;
    return new Promise((resolve) => {
      model.clock.setTimer(() => {
        resolve();
        this.#request.taskDone(this);
      }, this.tookMs);
    });
  }

  override expire(): void {
    this.#over = true;
  }

  override turnAway(_why?: TurnedAway): void {
    this.#over = true;
    this.#request.taskShed();
  }

  /** Work that waits is taken back; work that runs is not interrupted, as with a handler that doesn't look at its signal. */
  cancel(): void {
    if (this.#over || !this.#request.model.options.shedding) return;
    this.#over = true;
    this.#execution.withdraw(this);
  }
}
