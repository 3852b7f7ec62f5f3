/**
 * How many leaf calls may be under way: Gradient2 (Netflix's concurrency-limits), with three differences (docs/decisions/0012-admission.md).
 * Latency is each method's own against what it usually takes. Where workers tell how long tasks waited for slots, a rise
 * without waiting isn't overload: the usual follows it, and the limit stays. And the limit may grow by as much as it may shrink,
 * because a few calls per second would take minutes to come back from what a bad second took.
 */
import type { Clock } from '../../shared/clock.ts';
import type { LoopDelay } from '../../shared/loop-delay.ts';
import { MethodLatency } from './latency.ts';

export interface LimitOptions {
  /** Leaf calls per worker of the topology. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}

/** What workers tell of the tasks that ended in a window. */
export interface WorkerReport {
  queueUs: number;
  serviceUs: number;
  tasks: number;
  /** Of requests of several leaf calls. */
  shared: number;
  /** Of those, turned away for want of room or time. */
  shed: number;
}

const WINDOW_MS = 1000;
/** A window goes on until it has so many answers. */
const WINDOW_SAMPLES = 10;
const TOLERANCE = 1.5;
const SMOOTHING = 0.2;
/** What a window may make of the limit, before smoothing. */
const LEAST_GRADIENT = 0.5;
const MOST_GRADIENT = 1.5;
/** Leaf calls per worker that are tried on top: without them a limit could never find out that there is room. */
const HEADROOM = 1;
/** Tasks that wait longer for their slots than they run, as a share of both together, wait because of the load. */
const WAITING_SHARE = 0.5;
/** An event loop that is late by this on average has more to do than it can. */
const LATE_MS = 2.5;
/** Tasks that workers turn away, beyond what a worker that stops or one that is hot makes of a good window. */
const SHED_SHARE = 0.05;
/** How fast the usual latency follows a rise: in seconds where it isn't for the load, in ten minutes where it is. */
const FOLLOW = 0.2;
const FOLLOW_UNDER_LOAD = 1 / 600;

export class AdaptiveLimit {
  readonly #clock: Clock;
  readonly #loopDelay: LoopDelay;
  readonly #options: LimitOptions;
  readonly #methods: MethodLatency[] = [];
  readonly #report: WorkerReport = { queueUs: 0, serviceUs: 0, tasks: 0, shared: 0, shed: 0 };
  #perWorker: number;
  #workers = 1;
  #windowFrom: number;
  #samples = 0;
  #peak = 0;
  /** Leaf calls, at least 1. */
  units: number;

  constructor(options: LimitOptions, clock: Clock, loopDelay: LoopDelay) {
    this.#options = options;
    this.#clock = clock;
    this.#loopDelay = loopDelay;
    this.#perWorker = options.initial;
    this.#windowFrom = clock.now();
    this.units = this.#inUnits();
  }

  method(): MethodLatency {
    const latency = new MethodLatency();
    this.#methods.push(latency);
    return latency;
  }

  /** The topology has so many. */
  set workers(count: number) {
    this.#workers = Math.max(1, count);
    this.units = this.#inUnits();
  }

  /** So many leaf calls are under way. */
  used(units: number): void {
    if (units > this.#peak) this.#peak = units;
  }

  /** An answer took so long from being admitted. Not for failures that came early: they'd pass for a fast service. */
  answered(method: MethodLatency, ms: number, units: number): void {
    method.add(ms, units);
    this.#samples++;
    if (this.#samples >= WINDOW_SAMPLES) this.#endIfOver();
  }

  reported({ queueUs, serviceUs, tasks, shared, shed }: Readonly<WorkerReport>): void {
    const report = this.#report;
    report.queueUs += queueUs;
    report.serviceUs += serviceUs;
    report.tasks += tasks;
    report.shared += shared;
    report.shed += shed;
    // Streams give no samples, nor do answers that were turned away: where there is little else, what workers report has to do.
    const isTold = this.#samples === 0 || this.#shedShare > SHED_SHARE;
    if (isTold && report.tasks >= WINDOW_SAMPLES) this.#endIfOver();
  }

  get #shedShare(): number {
    return this.#report.shed / Math.max(1, this.#report.shared);
  }

  #endIfOver(): void {
    const now = this.#clock.now();
    if (now - this.#windowFrom < WINDOW_MS) return;
    this.#windowFrom = now;
    this.#samples = 0;
    this.#endWindow();
  }

  #endWindow(): void {
    const peak = this.#peak;
    this.#peak = 0;
    const underLoad = this.#isUnderLoad();
    const pressure = this.#pressure(underLoad);
    const shedShare = this.#shedShare;
    Object.assign(this.#report, { queueUs: 0, serviceUs: 0, tasks: 0, shared: 0, shed: 0 });
    // What isn't used says nothing of what more would do, unless that was too much already.
    const isTooMuch = shedShare > SHED_SHARE;
    if (peak < this.units / 2 && !isTooMuch) return;
    const gradient = Math.min(MOST_GRADIENT, Math.max(underLoad ? LEAST_GRADIENT : 1, 1 / pressure));
    const next = this.#perWorker * gradient + HEADROOM;
    let perWorker = this.#perWorker + (next - this.#perWorker) * SMOOTHING;
    // There is no doubt about it, so nothing to smooth: what a worker turned away has cost the others their share of it.
    if (isTooMuch) {
      perWorker = Math.min(this.#perWorker, peak / this.#workers) * Math.max(LEAST_GRADIENT, 1 - shedShare);
    }
    const { min, max } = this.#options;
    this.#perWorker = Math.min(max, Math.max(min, perWorker));
    this.units = this.#inUnits();
  }

  /** Whether what answers take can be for how many there are. Workers that don't tell may be overloaded. */
  #isUnderLoad(): boolean {
    const { queueUs, serviceUs } = this.#report;
    const worked = queueUs + serviceUs;
    return worked === 0 || queueUs / worked > WAITING_SHARE || this.#loopDelay.meanMs > LATE_MS;
  }

  /** Without a sample, only that workers have room says that more may come. */
  #pressure(underLoad: boolean): number {
    const lateMs = this.#loopDelay.meanMs;
    const forget = underLoad ? FOLLOW_UNDER_LOAD : FOLLOW;
    let units = 0;
    let sum = 0;
    for (const method of this.#methods) {
      const weight = method.units;
      const pressure = method.endWindow(lateMs, TOLERANCE, forget);
      if (pressure === undefined) continue;
      units += weight;
      sum += weight * pressure;
    }
    if (units > 0) return sum / units;
    return underLoad ? 1 : 0;
  }

  #inUnits(): number {
    return Math.max(1, Math.floor(this.#perWorker * this.#workers));
  }
}
