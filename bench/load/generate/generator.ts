/** One generator: its connections, its share of the work, its samples. In a process of its own or, for tests, in the caller's. */
import type { Share } from '../schedule/deal.ts';
import { ClosedLoop } from './closed-loop.ts';
import type { Loop, LoopParts } from './loop.ts';
import { type Metronome, ThreadMetronome } from './metronome.ts';
import { hrtimeMs } from './monotonic.ts';
import { OpenLoop } from './open-loop.ts';
import { type SampleBatch, SampleBuffer } from './sample.ts';
import { GrpcSender } from './sender.ts';
import type { LoadTarget } from './target.ts';

/** Plain data: it goes to another process. */
export interface GeneratorTask {
  readonly target: LoadTarget;
  readonly connections: number;
  /** End of the measured part, on the schedule's axis. */
  readonly durationMs: number;
  /** How long what is in flight at the end may take. */
  readonly graceMs: number;
  readonly work: OpenWork | ClosedWork;
}

export interface OpenWork {
  readonly loop: 'open';
  readonly share: Share;
  readonly maxInFlight: number;
}

export interface ClosedWork {
  readonly loop: 'closed';
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly count: number;
  readonly bodies: readonly Buffer[];
  /** Over and over. */
  readonly picks: Uint32Array;
}

export interface GeneratorEnd {
  /** Share of the measured part in which this generator's event loop had something to do, 0 … 1. */
  readonly busy: number;
}

export interface Generator {
  /** Connects. Throws UNAVAILABLE. */
  prepare(): Promise<void>;
  /** `startAtMs`, on the axis of hrtimeMs, is 0 on the schedule's. Resolves when all samples were handed over. */
  run(startAtMs: number): Promise<GeneratorEnd>;
  /** Sends nothing more; what is in flight may take `graceMs`. */
  stop(graceMs: number): void;
  close(): void;
}

/** How often samples are handed over. */
const HAND_OVER_MS = 250;

export class LocalGenerator implements Generator {
  readonly #task: GeneratorTask;
  readonly #onSamples: (batch: SampleBatch) => void;
  readonly #samples = new SampleBuffer();
  #sender: GrpcSender | undefined;
  #metronome: Metronome | undefined;
  #loop: Loop | undefined;
  #finish: () => void = () => {};
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(task: GeneratorTask, onSamples: (batch: SampleBatch) => void) {
    this.#task = task;
    this.#onSamples = onSamples;
  }

  async prepare(): Promise<void> {
    const { target, connections, work } = this.#task;
    this.#sender = await GrpcSender.connect(target, connections);
    if (work.loop === 'open') this.#metronome = await ThreadMetronome.start();
  }

  async run(startAtMs: number): Promise<GeneratorEnd> {
    const startMs = startAtMs - hrtimeMs() + performance.now();
    const { durationMs, graceMs } = this.#task;
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    this.#loop = this.#makeLoop({
      sender: this.#sender!,
      samples: this.#samples,
      now: () => performance.now(),
      onDone: () => this.#finish(),
    });
    const usage = new Usage(startMs, durationMs);
    const handOver = setInterval(() => this.#handOver(), HAND_OVER_MS);
    this.#graceTimer = setTimeout(() => this.#finish(), startMs + durationMs + graceMs - performance.now());
    this.#loop.start(startMs);
    await finished;
    const busy = usage.end();
    clearInterval(handOver);
    clearTimeout(this.#graceTimer);
    this.#loop.abandon();
    this.#handOver();
    return { busy };
  }

  stop(graceMs: number): void {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(() => this.#finish(), graceMs);
    this.#loop?.stop();
  }

  close(): void {
    this.#metronome?.close();
    this.#sender?.close();
  }

  #makeLoop(parts: LoopParts): Loop {
    const { work, durationMs } = this.#task;
    if (work.loop === 'open') return new OpenLoop(work.share, work.maxInFlight, this.#metronome!, parts);
    const { bodies, picks, inFlight, warmUpMs, count } = work;
    const bodyOf = (index: number): Buffer => bodies[picks[index % picks.length]!]!;
    return new ClosedLoop(
      { inFlight, fromMs: -warmUpMs, durationMs, count, bodyOf },
      parts,
      (callback, delayMs) => setTimeout(callback, delayMs),
    );
  }

  #handOver(): void {
    if (this.#samples.count > 0) this.#onSamples(this.#samples.take());
  }
}

/** How busy the event loop is between 0 and the end of the schedule, or until it is asked if that is earlier. */
class Usage {
  #before = performance.eventLoopUtilization();
  #busy: number | undefined;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(startMs: number, durationMs: number) {
    const delayMs = startMs - performance.now();
    const begin = (): void => {
      this.#before = performance.eventLoopUtilization();
    };
    this.#timers = [setTimeout(begin, delayMs), setTimeout(() => this.#measure(), delayMs + durationMs)];
  }

  end(): number {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#measure();
    return this.#busy!;
  }

  #measure(): void {
    this.#busy ??= performance.eventLoopUtilization(this.#before).utilization;
  }
}
