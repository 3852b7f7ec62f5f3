/**
 * How many tasks a worker has, as far as this root can tell: its own that are under way, or what the worker last said it runs or holds for
 * all roots, with what was sent since. What a worker said ages: one that is avoided for its load says nothing new.
 */

import { relativeTo } from './replica-latency.ts';

/** Of the method whose tasks they are. */
export interface OwedBy {
  readonly streaming: boolean;
  /** Its median latency, ms; 0: not known. */
  readonly usualMs: number;
}

const UNKNOWN: OwedBy = { streaming: false, usualMs: 0 };

/** How much a new measurement counts. */
const SMOOTHING = 1 / 16;
/** A report is worth nothing after this long. Longer than a queue worth waiting for, shorter than it takes to regret avoiding a worker. */
const REPORT_MS = 1000;

/** Tasks that aren't answered or ended, and since when nothing was heard while there were some. */
class Owed {
  tasks = 0;
  #since = 0;

  sent(tasks: number, now: number): void {
    if (this.tasks === 0) this.#since = now;
    this.tasks += tasks;
  }

  heard(now: number): void {
    this.#since = now;
  }

  silentMs(now: number): number {
    return this.tasks === 0 ? 0 : now - this.#since;
  }
}

export class WorkerLoad {
  /** What the worker last reported; -1: never. */
  reported = -1;
  /** Smoothed time that messages take there and back, without what the worker does, ms. */
  wireMs = 0;
  /** Smoothed time that tasks waited for a slot there, ms. */
  queueMs = 0;
  /** It said so: no second attempts for it before then, nor first ones if it doesn't report its load. On the clock. */
  pushbackUntil = 0;
  readonly #all = new Owed();
  readonly #unary = new Owed();
  /** The usual time of the slowest method that it owes a unary answer of, ms. */
  #slowestMs = 0;
  #reportedAt = 0;
  #sentSince = 0;

  /** Tasks that this root sent and that aren't answered or ended. */
  get tasks(): number {
    return this.#all.tasks;
  }

  sent(tasks: number, now: number, { streaming, usualMs }: OwedBy = UNKNOWN): void {
    this.#all.sent(tasks, now);
    this.#sentSince += tasks;
    if (streaming) return;
    if (this.#unary.tasks === 0 || usualMs > this.#slowestMs) this.#slowestMs = usualMs;
    this.#unary.sent(tasks, now);
  }

  /** Something came from it. */
  heard(now: number): void {
    this.#all.heard(now);
    this.#unary.heard(now);
  }

  /** How long it has owed something without a word, ms. */
  silentMs(now: number): number {
    return this.#all.silentMs(now);
  }

  /**
   * How long it has owed an answer without a word, in usual times of such a method, or of the slowest that it owes one of: a task that takes its time
   * keeps nobody else away. Nor does a stream, which waits for its reader, but other streams.
   */
  silence(now: number, { streaming, usualMs }: OwedBy): number {
    if (streaming) return relativeTo(usualMs, this.silentMs(now));
    if (this.#unary.tasks === 0) return 0;
    return relativeTo(Math.max(usualMs, this.#slowestMs), this.#unary.silentMs(now));
  }

  /** What a worker told of a part: the time that it and the call were on their way, and that its first task waited. */
  measured(wireMs: number, queueMs: number): void {
    this.wireMs += (wireMs - this.wireMs) * (this.wireMs === 0 ? 1 : SMOOTHING);
    this.queueMs += (queueMs - this.queueMs) * SMOOTHING;
  }

  /** They are answered, or their leaf call has ended. */
  settled(tasks: number, streaming = false): void {
    this.#all.tasks -= tasks;
    if (!streaming) this.#unary.tasks -= tasks;
  }

  /** The worker is another process, or so it has to be assumed. What it reports it has said since. */
  forget(): void {
    this.wireMs = 0;
    this.queueMs = 0;
    this.pushbackUntil = 0;
  }

  report(tasks: number, now: number): void {
    this.reported = tasks;
    this.#reportedAt = now;
    this.#sentSince = 0;
  }

  /** What it last said of its load isn't too old to be of use. */
  isReported(now: number): boolean {
    return this.reported >= 0 && now - this.#reportedAt < REPORT_MS;
  }

  /** Tasks in flight: the larger of the two views. */
  inFlight(now: number): number {
    if (this.reported < 0) return this.tasks;
    const age = now - this.#reportedAt;
    if (age >= REPORT_MS) return this.tasks;
    const reported = this.reported * (1 - age / REPORT_MS) + this.#sentSince;
    return Math.max(reported, this.tasks);
  }
}
