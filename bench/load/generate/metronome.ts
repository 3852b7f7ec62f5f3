/**
 * Wakes the generator when the next request is due. Node's timers have a resolution of 1 ms, and an event loop that spins until then takes a
 * core from the target; so a thread of its own sleeps on a futex, which is good to about 0.1 ms, and posts a message.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { MetronomeMemory } from './metronome-thread.ts';
import { hrtimeMs } from './monotonic.ts';

export interface Metronome {
  /** What is called, in a turn of its own. */
  onWake: () => void;
  /** Calls `onWake` once, not before this time on the axis of performance.now(); in place of an earlier wish. A time that has passed: in the next turn. */
  wakeAt(timeMs: number): void;
  close(): void;
}

/** What is due within this time is sent by one wake-up: each costs about 20 µs on both threads. */
const QUANTUM_MS = 0.1;

export class ThreadMetronome implements Metronome {
  onWake: () => void = () => {};
  readonly #memory: MetronomeMemory;
  readonly #thread: Worker;
  /** performance.now() + this = the clock that all threads share. */
  readonly #offsetMs = hrtimeMs() - performance.now();
  #lastMs = 0;

  private constructor() {
    this.#memory = {
      state: new Int32Array(new SharedArrayBuffer(8)),
      due: new Float64Array(new SharedArrayBuffer(8)),
    };
    // In dist/ it is a .js.
    const file = new URL(`./metronome-thread${extname(import.meta.filename)}`, import.meta.url);
    this.#thread = new Worker(file, { workerData: this.#memory, stdin: false });
    this.#thread.on('message', () => this.#wake());
  }

  static async start(): Promise<ThreadMetronome> {
    const metronome = new ThreadMetronome();
    await new Promise<void>((resolve, reject) => {
      metronome.#thread.once('online', resolve);
      metronome.#thread.once('error', reject);
    });
    return metronome;
  }

  wakeAt(timeMs: number): void {
    const now = performance.now();
    if (timeMs <= now) {
      setImmediate(() => this.#wake());
      return;
    }
    this.#memory.due[0] = Math.max(timeMs, this.#lastMs + QUANTUM_MS) + this.#offsetMs;
    Atomics.add(this.#memory.state, 0, 1);
    Atomics.notify(this.#memory.state, 0);
  }

  close(): void {
    this.onWake = () => {};
    void this.#thread.terminate();
  }

  #wake(): void {
    this.#lastMs = performance.now();
    this.onWake();
  }
}
