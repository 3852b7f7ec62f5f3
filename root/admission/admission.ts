/**
 * Admission: a root takes on no more leaf calls than its workers and itself can finish in good time. Beyond the limit requests wait in a
 * short line, by priority; who can't be admitted in time is told so at once, with when to come back. It knows units and time, not
 * requests, so that the simulator drives it as it is.
 */
import type { Clock, Timer } from '../../shared/clock.ts';
import type { LeafEnd } from '../../shared/link/leaf-call.ts';
import type { LoopDelay } from '../../shared/loop-delay.ts';
import type { ShedReason } from '../../shared/metrics/root.ts';
import type { MethodLatency } from './latency.ts';
import { AdaptiveLimit } from './limit.ts';
import { Waiting, WaitingLine } from './waiting.ts';

export interface AdmissionOptions {
  /** `false`: everything is admitted. */
  readonly enabled: boolean;
  /** Leaf calls per worker of the topology. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** Requests that may wait. */
  readonly queue: number;
  readonly maxWaitMs: number;
}

export type { ShedReason };

/** What waits may hold, which isn't policy: it depends on the memory that there is. */
export interface LineOptions extends AdmissionOptions {
  /** G6: what the requests that wait may keep together. */
  readonly queueBytes: number;
}

/** What is counted of it; those of a root are in shared/metrics/root.ts. */
export interface AdmissionMetrics {
  readonly shed: Readonly<Record<ShedReason, { inc(): void }>>;
  readonly waitSeconds: { observe(seconds: number): void };
}

/** One that asks to be let in. */
export abstract class Candidate extends Waiting {
  /** When its answer has to be gathered, on the clock. */
  abstract readonly deadline: number;
  abstract readonly latency: MethodLatency;
  override giveUpAt = 0;
  cameAt = 0;
  /** After it had to wait. Not from within `wait`. */
  abstract admitted(): void;
  abstract shed(reason: ShedReason, pushbackMs: number): void;
}

const RESOURCE_EXHAUSTED = 8;
/** Retries that all came back at once would be the next burst: they are spread over half as long again. */
const PUSHBACK_SPREAD = 0.5;
const MAX_PUSHBACK_MS = 1000;
/** Of how long a leaf call is under way, per answer. */
const MEMORY = 1 / 64;

export class Admission {
  readonly #options: LineOptions;
  readonly #clock: Clock;
  readonly #metrics: AdmissionMetrics;
  readonly #random: () => number;
  readonly #line = new WaitingLine<Candidate>();
  readonly #limit: AdaptiveLimit;
  #inUse = 0;
  /** Smoothed, from being admitted to the end. */
  #heldMs = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #admitting = false;

  constructor(
    options: LineOptions,
    clock: Clock,
    loopDelay: LoopDelay,
    metrics: AdmissionMetrics,
    random: () => number = Math.random,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#random = random;
    this.#limit = new AdaptiveLimit(options, clock, loopDelay);
  }

  /** Leaf calls that may be under way. */
  get limit(): number {
    return this.#options.enabled ? this.#limit.units : Number.POSITIVE_INFINITY;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** What those that wait keep. */
  get waitingBytes(): number {
    return this.#line.sizeBytes;
  }

  /** How much of the limit is in use: extra work isn't for the upper part. */
  get usedShare(): number {
    return this.#inUse / this.limit;
  }

  /** One for each method: what its answers take. */
  method(): MethodLatency {
    return this.#limit.method();
  }

  workers(count: number): void {
    this.#limit.workers = count;
    this.#admitNext();
  }

  /** Room for so many leaf calls is taken, unless there isn't any: then `wait`. A request larger than the limit goes alone. */
  enter(units: number): boolean {
    if (this.#line.size > 0 || (this.#inUse > 0 && this.#inUse + units > this.limit)) return false;
    this.#take(units);
    return true;
  }

  /** It is admitted later, or shed: at once, if that can be told. */
  wait(candidate: Candidate): void {
    const now = this.#clock.now();
    const { deadline, latency, priority } = candidate;
    const waitMs = this.#expectedMs(this.#line.ahead(priority).units + candidate.units);
    const spareMs = deadline - now - latency.usualMs;
    if (waitMs > spareMs) {
      this.#shed(candidate, 'too_late');
      return;
    }
    const { maxWaitMs } = this.#options;
    if (waitMs > maxWaitMs || !this.#makeRoom(candidate)) {
      this.#shed(candidate, 'queue_full');
      return;
    }
    candidate.cameAt = now;
    candidate.giveUpAt = now + Math.min(maxWaitMs, spareMs);
    this.#line.push(candidate);
    if (candidate.giveUpAt < this.#timerAt) this.#arm(candidate.giveUpAt, now);
  }

  /** Its client left while it waited. */
  leave(candidate: Candidate): void {
    if (this.#line.remove(candidate)) this.#admitNext();
  }

  /**
   * What was admitted has ended. `ms`: how long that took, of an answer or of one that ran into its deadline; undefined: its time says
   * nothing of the load (a stream, one that the client left, one that failed early).
   */
  done(units: number, latency: MethodLatency, ms: number | undefined): void {
    this.#limit.used(this.#inUse);
    this.#inUse -= units;
    if (ms !== undefined) {
      this.#heldMs += (ms - this.#heldMs) * MEMORY;
      this.#limit.answered(latency, ms, units);
    }
    if (this.#line.size > 0) this.#admitNext();
  }

  /**
   * What the end of a leaf call of so many tasks tells of its worker. Times of 0: nothing of how busy it is. `calls`: with how many its request began. What the only one
   * of a request was turned away for is between it and that worker: others have lost nothing by it, and to let fewer of them in wouldn't help.
   */
  leafCallEnded({ queueUs, serviceUs, failures }: LeafEnd, tasks: number, calls: number): void {
    let shed = 0;
    for (let i = 0; i < failures.length && calls > 1; i++) {
      const { code, notStarted } = failures[i]!;
      if (notStarted && code === RESOURCE_EXHAUSTED) shed++;
    }
    this.#limit.used(this.#inUse);
    this.#limit.reported({ queueUs, serviceUs, tasks, shed, shared: calls > 1 ? tasks : 0 });
  }

  #take(units: number): void {
    this.#inUse += units;
    this.#limit.used(this.#inUse);
  }

  /** Until so many more leaf calls are under way: as many as the limit end in the time that one takes. */
  #expectedMs(units: number): number {
    return (units / this.limit) * this.#heldMs;
  }

  /** What matters less gives up its place in a full line, the last first; if that wouldn't be enough, nothing does. */
  #makeRoom({ priority, sizeBytes }: Candidate): boolean {
    const line = this.#line;
    const isFull = (those: { readonly size: number; readonly sizeBytes: number }): boolean =>
      those.size >= this.#options.queue || those.sizeBytes + sizeBytes > this.#options.queueBytes;
    if (isFull(line.ahead(priority))) return false;
    while (isFull(line)) {
      const last = line.lastBelow(priority);
      if (last === undefined) return false;
      line.remove(last);
      this.#shed(last, 'queue_full');
    }
    return true;
  }

  #shed(candidate: Candidate, reason: ShedReason): void {
    this.#metrics.shed[reason].inc();
    const ms = this.#expectedMs(this.#line.units + candidate.units) * (1 + PUSHBACK_SPREAD * this.#random());
    candidate.shed(reason, Math.ceil(Math.min(MAX_PUSHBACK_MS, Math.max(1, ms))));
  }

  /** Not from within itself: what is admitted may end at once. */
  #admitNext(): void {
    if (this.#admitting) return;
    this.#admitting = true;
    try {
      this.#admitAll();
    } finally {
      this.#admitting = false;
    }
    if (this.#line.size === 0) this.#disarm();
  }

  #admitAll(): void {
    for (let next = this.#line.first(); next !== undefined; next = this.#line.first()) {
      if (this.#inUse > 0 && this.#inUse + next.units > this.limit) break;
      this.#line.remove(next);
      const now = this.#clock.now();
      if (next.giveUpAt <= now) {
        this.#shed(next, this.#late(next, now));
        continue;
      }
      this.#take(next.units);
      this.#metrics.waitSeconds.observe((now - next.cameAt) / 1000);
      next.admitted();
    }
  }

  #late(candidate: Candidate, now: number): ShedReason {
    return now - candidate.cameAt >= this.#options.maxWaitMs ? 'waited' : 'too_late';
  }

  #arm(at: number, now: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(this.#onTimer, Math.max(0, at - now));
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  readonly #onTimer = (): void => {
    this.#disarm();
    const now = this.#clock.now();
    for (const candidate of this.#line.takeOverdue(now)) this.#shed(candidate, this.#late(candidate, now));
    const next = this.#line.nextGiveUp();
    if (next < Number.POSITIVE_INFINITY) this.#arm(next, now);
    // One that was too large for what is free may have stood before others.
    this.#admitNext();
  };
}
