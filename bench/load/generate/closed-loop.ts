/**
 * Keeps so many requests in flight: the next one is sent when one has ended, as by users who wait for their answers. It measures how much a target can
 * take; as a measure of latency it is blind to what it didn't send meanwhile (coordinated omission).
 */
import { status } from '@grpc/grpc-js';
import { InFlight, type Loop, type LoopParts } from './loop.ts';
import { UNFINISHED } from './sample.ts';

export interface ClosedLoopOptions {
  readonly inFlight: number;
  /** When sending begins, on the schedule's axis: before 0 it is warm-up. */
  readonly fromMs: number;
  readonly durationMs: number;
  /** At most so many measured requests. */
  readonly count: number;
  /** The body of the n-th request. */
  readonly bodyOf: (index: number) => Buffer;
}

export class ClosedLoop implements Loop {
  readonly #options: ClosedLoopOptions;
  readonly #parts: LoopParts;
  readonly #setTimer: (callback: () => void, delayMs: number) => void;
  readonly #inFlight = new InFlight();
  #startMs = 0;
  #index = 0;
  #measured = 0;
  #sending = true;

  constructor(
    options: ClosedLoopOptions,
    parts: LoopParts,
    setTimer: (callback: () => void, delayMs: number) => void,
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#setTimer = setTimer;
  }

  get done(): boolean {
    return !this.#sending && this.#inFlight.size === 0;
  }

  start(startMs: number): void {
    this.#startMs = startMs;
    this.#setTimer(
      () => {
        for (let i = 0; i < this.#options.inFlight; i++) this.#send();
      },
      startMs + this.#options.fromMs - this.#parts.now(),
    );
  }

  stop(): void {
    this.#sending = false;
    if (this.done) this.#parts.onDone();
  }

  abandon(): void {
    this.#sending = false;
    this.#inFlight.drain((atMs) => this.#parts.samples.add(atMs, 0, 0, UNFINISHED, 0, 0));
  }

  #send(): void {
    if (!this.#sending) return;
    const { sender, samples, onDone } = this.#parts;
    const atMs = this.#parts.now() - this.#startMs;
    if (atMs >= this.#options.durationMs || this.#measured === this.#options.count) {
      this.stop();
      return;
    }
    if (atMs >= 0) this.#measured++;
    const id = this.#inFlight.add(atMs, 0);
    sender.send(this.#options.bodyOf(this.#index++), (code, shards) => {
      if (!this.#inFlight.remove(id)) return;
      const latencyUs = (this.#parts.now() - this.#startMs - atMs) * 1000;
      samples.add(atMs, 0, latencyUs, code, shards?.expected ?? 0, shards?.answered ?? 0);
      // Failures that come at once would otherwise follow each other without the event loop ever turning.
      if (code === status.OK) this.#send();
      else this.#setTimer(() => this.#send(), 0);
      if (this.done) onDone();
    });
  }
}
