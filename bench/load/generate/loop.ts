/** What the open and the closed loop have in common: a start, an end and samples. */
import type { SampleBuffer } from './sample.ts';
import type { Sender } from './sender.ts';

export interface Loop {
  /** `startMs`, on the axis of performance.now(), is 0 on the schedule's. */
  start(startMs: number): void;
  /** Sends nothing more. */
  stop(): void;
  /** Whether everything that was to be sent was, and has ended. */
  readonly done: boolean;
  /** Adds what was sent and has not ended to the samples. After it nothing is added. */
  abandon(): void;
}

export interface LoopParts {
  readonly sender: Sender;
  readonly samples: SampleBuffer;
  /** performance.now() */
  readonly now: () => number;
  /** `done` became true. */
  readonly onDone: () => void;
}

/** Requests under way, by when they should have been sent, so that they can be told of if the run ends before they do. */
export class InFlight {
  readonly #sent = new Map<number, { atMs: number; lateUs: number }>();
  #last = 0;

  get size(): number {
    return this.#sent.size;
  }

  add(atMs: number, lateUs: number): number {
    this.#sent.set(++this.#last, { atMs, lateUs });
    return this.#last;
  }

  /** False if it was told of already. */
  remove(id: number): boolean {
    return this.#sent.delete(id);
  }

  drain(each: (atMs: number, lateUs: number) => void): void {
    for (const { atMs, lateUs } of this.#sent.values()) each(atMs, lateUs);
    this.#sent.clear();
  }
}
