/** Both ends of a link without a socket: messages lie in a queue until the test delivers them. */
import type { Clock, Timer } from '../../shared/clock.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { FrameReader } from '../../shared/link/frame-reader.ts';
import type { FrameHandler, HelloFrame } from '../../shared/link/frames.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import type { LeafCall, LeafEnd, LeafSink, PartTiming, TaskFailure } from '../../shared/link/leaf-call.ts';
import type { Pipe } from '../../shared/link/outbox.ts';
import { RootEnd, type RootEndOptions } from '../../shared/link/root-end.ts';
import { type CallRefusal, WorkerEnd } from '../../shared/link/worker-end.ts';

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Time that passes when the test says so. */
export class FakeClock implements Clock {
  #now = 1000;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Timers fire when they are due, in order. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#fire(next);
      await turn();
    }
    this.#now = until;
    await turn();
  }

  /** The process stands still: what was due meanwhile fires once, late. */
  async stall(ms: number): Promise<void> {
    this.#now += ms;
    for (const timer of this.#timers.filter(({ at }) => at <= this.#now)) this.#fire(timer);
    await turn();
  }

  #fire(timer: { at: number; callback: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.callback();
  }
}

export class MemoryPipe implements Pipe {
  readonly queue: { message: Buffer; written: () => void }[] = [];
  readonly sizes: number[] = [];
  /** So many messages in the queue and `write` says false. */
  limit = Number.POSITIVE_INFINITY;
  /** The transport is stuck: nothing that is delivered counts as written. */
  #said = true;

  write(message: Buffer, written: () => void): boolean {
    this.queue.push({ message, written });
    this.sizes.push(message.length);
    this.#said = this.queue.length < this.limit;
    return this.#said;
  }

  /** Hands over the first message. */
  deliver(receive: (message: Buffer) => void, drained: () => void): boolean {
    const first = this.queue.shift();
    if (first === undefined) return false;
    first.written();
    if (!this.#said && this.queue.length === 0) {
      this.#said = true;
      drained();
    }
    receive(first.message);
    return true;
  }
}

export function helloOf(peer: string, over: Partial<HelloFrame> = {}): HelloFrame {
  return {
    version: 1,
    service: 'acme.Search',
    peer,
    plan: [],
    shards: [],
    shardCount: 0,
    maxCalls: 0,
    maxMessageBytes: 4 * 1024 * 1024,
    ...over,
  };
}

export function leafCall(shards: readonly number[], over: Partial<LeafCall> = {}): LeafCall {
  return {
    method: 'TopK',
    payload: Buffer.from('request'),
    tasks: shards.map((shard) => ({ shard })),
    streaming: false,
    deadline: Number.POSITIVE_INFINITY,
    flushAfterMs: 0,
    priority: 0,
    epoch: 1,
    metadata: [],
    maxPartBytes: 1024 * 1024,
    ...over,
  };
}

export interface RecordedPart {
  readonly shards: readonly number[];
  readonly data: Buffer;
  readonly segmentBytes: readonly number[];
  readonly timing?: PartTiming;
}

/** A sink that keeps everything and knows what mustn't happen. */
export class Recorder implements LeafSink {
  readonly parts: RecordedPart[] = [];
  readonly ends: LeafEnd[] = [];
  readonly faults: string[] = [];
  #ended: () => void = () => undefined;
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#ended = resolve;
  });

  part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    timing?: PartTiming,
  ): void {
    if (this.ends.length > 0) this.faults.push('a part after the end');
    this.parts.push({
      shards: [...shards],
      data: Buffer.from(data),
      segmentBytes: [...segmentBytes],
      ...(timing === undefined ? {} : { timing: { ...timing } }),
    });
  }

  end(end: LeafEnd): void {
    if (this.ends.length > 0) this.faults.push('a second end');
    this.ends.push(end);
    this.#ended();
  }

  get failures(): readonly TaskFailure[] {
    return this.ends[0]?.failures ?? [];
  }
}

export interface Pair {
  readonly root: RootEnd;
  readonly worker: WorkerEnd;
  readonly toWorker: MemoryPipe;
  readonly toRoot: MemoryPipe;
  readonly clock: FakeClock;
  readonly failed: RegatherError[];
  readonly states: { draining: boolean; shards: readonly number[] }[];
  /** Delivers everything, turn by turn, until nothing moves. */
  settle(): Promise<void>;
  lose(): void;
}

export interface PairOptions {
  readonly workerHello?: Partial<HelloFrame>;
  readonly rootHello?: Partial<HelloFrame>;
  readonly draining?: () => boolean;
  readonly onRefused?: (method: string, tasks: number, why: CallRefusal) => number;
  readonly tasksInFlight?: () => number;
  readonly refuseRoot?: (hello: HelloFrame) => string | undefined;
  readonly silenceMs?: number;
}

export function pair(onCall: (call: IncomingCall) => void, options: PairOptions = {}): Pair {
  const clock = new FakeClock();
  const toWorker = new MemoryPipe();
  const toRoot = new MemoryPipe();
  const failed: RegatherError[] = [];
  const states: { draining: boolean; shards: readonly number[] }[] = [];
  function lose(error: RegatherError): void {
    failed.push(error);
    root.lose(error);
    worker.lose();
  }
  const root: RootEnd = new RootEnd({
    pipe: toWorker,
    hello: helloOf('root', options.rootHello),
    refuse: () => undefined,
    clock,
    silenceMs: options.silenceMs ?? 800,
    idleMs: 10_000,
    on: {
      ready: () => undefined,
      state: (draining, shards) => states.push({ draining, shards }),
      failed: lose,
      defect: (error) => failed.push(RegatherError.from(error)),
    },
  });
  const worker: WorkerEnd = new WorkerEnd({
    pipe: toRoot,
    hello: () => helloOf('worker', options.workerHello),
    refuse: options.refuseRoot ?? (() => undefined),
    clock,
    idleMs: 15_000,
    silenceMs: 5_000,
    draining: options.draining ?? (() => false),
    onCall,
    onRefused: options.onRefused ?? (() => 0),
    tasksInFlight: options.tasksInFlight ?? (() => 0),
    on: {
      ready: () => undefined,
      failed: lose,
      defect: (error) => failed.push(RegatherError.from(error)),
    },
  });
  return {
    root,
    worker,
    toWorker,
    toRoot,
    clock,
    failed,
    states,
    lose: () => lose(new RegatherError('LINK_LOST', 'The test cut it')),
    async settle() {
      for (let quiet = 0; quiet < 3; ) {
        await turn();
        let moved = false;
        while (
          toWorker.deliver(
            (message) => worker.receive(message),
            () => root.drained(),
          )
        )
          moved = true;
        while (
          toRoot.deliver(
            (message) => root.receive(message),
            () => worker.drained(),
          )
        )
          moved = true;
        quiet = moved ? 0 : quiet + 1;
      }
    },
  };
}

export type Seen = readonly [kind: string, ...rest: unknown[]];

/** Reads messages into lists, one per frame: `['chunk', 1, 0, 'data', true, [3], []]`. */
export function seen(messages: readonly Buffer[]): Seen[] {
  const frames: Seen[] = [];
  const handler: FrameHandler = {
    hello: (hello) => frames.push(['hello', hello]),
    call: (id, method) => frames.push(['call', id, method]),
    chunk: (id, seq, data, last, shards, segments) =>
      frames.push(['chunk', id, seq, data.length, last, shards, segments]),
    end: (id, statuses, _queueUs, _serviceUs, inFlight) => frames.push(['end', id, statuses, inFlight]),
    cancel: (id) => frames.push(['cancel', id]),
    credit: (id, bytes) => frames.push(['credit', id, bytes]),
    state: (draining, shards) => frames.push(['state', draining, shards]),
    ping: (token, reply) => frames.push(['ping', token, reply]),
  };
  for (const message of messages) new FrameReader().read(message, handler);
  return frames;
}

export type { RootEndOptions };
