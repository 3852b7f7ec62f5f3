/** The worker's end of one stream: makes calls of frames, and lets their answers take turns. It knows frames, not gRPC. */
import type { Clock } from '../clock.ts';
import { RegatherError } from '../errors/errors.ts';
import { CallTable } from './call-table.ts';
import { linkFault } from './fault.ts';
import { FrameReader } from './frame-reader.ts';
import { BATCH_BYTES, CHUNK_BYTES, type FrameHandler, type HelloFrame } from './frames.ts';
import type { IncomingCall } from './incoming-call.ts';
import type { LeafMetadata, LeafTask, TaskFailure } from './leaf-call.ts';
import { Outbox, type Pipe } from './outbox.ts';
import { SilenceWatch } from './silence.ts';
import { type CallQueue, WorkerCall } from './worker-call.ts';

const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const UNAVAILABLE = 14;

/** Why a call is turned away before anything looks into it. */
export type CallRefusal = 'draining' | 'calls_full';

export interface WorkerEndOptions {
  readonly pipe: Pipe;
  /** Made when the root's Hello came, so that it tells the shards of that moment. */
  readonly hello: () => HelloFrame;
  /** Why the root's Hello can't be accepted. */
  readonly refuse: (theirs: HelloFrame) => string | undefined;
  readonly clock: Clock;
  /** A root that is silent for so long is asked for a sign, and given `silenceMs` for it. */
  readonly idleMs: number;
  readonly silenceMs: number;
  readonly draining: () => boolean;
  readonly onCall: (call: IncomingCall) => void;
  /** A call with so many tasks is turned away. Returns how long the root is to keep away, ms; 0: no matter. */
  readonly onRefused: (method: string, tasks: number, why: CallRefusal) => number;
  /** Tasks that run or wait, for the End of a call that is turned away. */
  readonly tasksInFlight: () => number;
  /** Short names of the methods that stream: their shards may end without a part. Default: those that have sent items. */
  readonly streaming?: ReadonlySet<string>;
  readonly on: {
    ready(hello: HelloFrame): void;
    /** The stream has to end: LINK_REFUSED, LINK_PROTOCOL or LINK_LOST. `lose` is the owner's to call. */
    failed(error: RegatherError): void;
    /** `onCall` or an `onCancel` threw. */
    defect(error: unknown): void;
  };
}

export class WorkerEnd implements FrameHandler, CallQueue {
  readonly #options: WorkerEndOptions;
  readonly #outbox: Outbox;
  readonly #reader = new FrameReader();
  readonly #calls = new CallTable<WorkerCall>();
  readonly #silence: SilenceWatch;
  /** Calls with something to send, first to last; each in it once. */
  #first: WorkerCall | undefined;
  #last: WorkerCall | undefined;
  #peer: HelloFrame | undefined;
  #maxCalls = 0;
  #lastId = 0;
  #pings = 0n;
  /** What waits for the answer to a Ping, by its token. */
  readonly #barriers = new Map<bigint, () => void>();
  #over = false;

  constructor(options: WorkerEndOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.pipe, () => this.#fill());
    this.#silence = new SilenceWatch({
      clock: options.clock,
      limitMs: options.silenceMs,
      idleMs: options.idleMs,
      // A root owes nothing while calls run: only the Ping after a long rest wants an answer.
      busy: () => false,
      ping: () => {
        if (this.#peer === undefined) {
          options.on.failed(linkFault(`no Hello came within ${options.idleMs} ms`));
          return;
        }
        this.#outbox.frames.ping(++this.#pings, false);
        this.#outbox.touch();
      },
      lost: (silentMs) =>
        options.on.failed(
          new RegatherError(
            'LINK_LOST',
            `Root ${this.#peer?.peer ?? 'without Hello'} was silent for ${Math.round(silentMs)} ms after a Ping, ${options.silenceMs} ms are allowed`,
          ),
        ),
    });
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  get maxMessageBytes(): number {
    return this.#peer!.maxMessageBytes;
  }

  receive(message: Buffer): void {
    if (this.#over) return;
    this.#silence.heard();
    try {
      this.#reader.read(message, this);
    } catch (thrown) {
      this.#options.on.failed(RegatherError.from(thrown, 'LINK_PROTOCOL'));
    }
  }

  drained(): void {
    this.#outbox.drained();
  }

  sendState(draining: boolean, shards: readonly number[], inFlight: number): void {
    if (this.#over || this.#peer === undefined) return;
    this.#outbox.frames.state(draining, shards, inFlight);
    this.#outbox.touch();
  }

  /** Resolves when the root has read all that was sent so far, and what it had sent before has been read; or when the link is lost. */
  barrier(): Promise<void> {
    if (this.#over || this.#peer === undefined) return Promise.resolve();
    const token = ++this.#pings;
    this.#outbox.frames.ping(token, false);
    this.#outbox.touch();
    return new Promise((resolve) => this.#barriers.set(token, resolve));
  }

  /** What is queued and may go, goes now, however far behind the transport is: before the stream is ended. */
  flush(): void {
    if (!this.#over) this.#outbox.flush();
  }

  /** The stream is over: its calls are cancelled, and what they answer is dropped. */
  lose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#silence.stop();
    this.#outbox.shut();
    this.#first = undefined;
    this.#last = undefined;
    const calls = this.#calls.drain();
    for (const call of calls) this.#drop(call, true);
    for (const resolve of this.#barriers.values()) resolve();
    this.#barriers.clear();
  }

  #drop(call: WorkerCall, lost: boolean): void {
    try {
      call.drop(lost);
    } catch (thrown) {
      this.#options.on.defect(thrown);
    }
  }

  // What calls need of their link.

  ready(call: WorkerCall): void {
    if (call.queued || this.#over || !call.sendable) return;
    this.#enqueue(call);
    this.#outbox.touch();
  }

  #enqueue(call: WorkerCall): void {
    call.queued = true;
    if (this.#last === undefined) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
  }

  /** Round robin: one chunk of each call, so that a large answer doesn't stand in front of small ones. */
  #fill(): boolean {
    const { frames } = this.#outbox;
    const now = this.#options.clock.now();
    for (let call = this.#first; call !== undefined; call = this.#first) {
      if (frames.sizeBytes > BATCH_BYTES - CHUNK_BYTES) return true;
      this.#first = call.next;
      if (this.#first === undefined) this.#last = undefined;
      call.next = undefined;
      call.queued = false;
      if (!call.sendable) continue;
      if (call.write(frames, now)) this.#calls.delete(call.id);
      else if (call.sendable) this.#enqueue(call);
    }
    return false;
  }

  // Frames.

  hello(hello: HelloFrame): void {
    if (this.#peer !== undefined) throw linkFault('Hello came twice');
    if (hello.version < 1) throw linkFault(`Hello has version ${hello.version}, at least 1 is needed`);
    const reason = this.#options.refuse(hello);
    if (reason !== undefined) throw new RegatherError('LINK_REFUSED', reason);
    this.#peer = hello;
    const ours = this.#options.hello();
    this.#maxCalls = ours.maxCalls;
    this.#outbox.frames.hello(ours);
    this.#outbox.touch();
    this.#options.on.ready(hello);
  }

  call(
    id: number,
    method: string,
    payload: Buffer,
    tasks: LeafTask[],
    timeLeftUs: number,
    flushAfterUs: number,
    priority: number,
    epoch: number,
    metadata: LeafMetadata,
    credit: number,
    maxPartBytes: number,
    apart: boolean,
  ): void {
    const peer = this.#peer;
    if (peer === undefined) throw linkFault('Call came before Hello');
    if (id <= this.#lastId)
      throw linkFault(`Call has id ${id}, the one before has ${this.#lastId}: ids rise`);
    this.#lastId = id;
    for (let i = 1; i < tasks.length; i++)
      if (tasks[i]!.shard <= tasks[i - 1]!.shard)
        throw linkFault(`the shards of call ${id} don't ascend: ${tasks[i - 1]!.shard}, ${tasks[i]!.shard}`);
    if (tasks.length === 0) throw linkFault(`call ${id} has no task`);
    const now = this.#options.clock.now();
    const call = new WorkerCall(
      this,
      peer.peer,
      id,
      method,
      payload,
      tasks,
      now,
      now + timeLeftUs / 1000,
      flushAfterUs / 1000,
      priority,
      epoch,
      metadata,
      credit,
      maxPartBytes,
      apart,
      this.#options.streaming?.has(method) ?? false,
    );
    this.#calls.add(call);
    if (this.#options.draining()) {
      this.#refuse(call, 'draining', UNAVAILABLE, 'The worker is draining');
      return;
    }
    if (this.#maxCalls > 0 && this.#calls.size > this.#maxCalls) {
      const text = `The worker takes ${this.#maxCalls} calls at once on a link`;
      this.#refuse(call, 'calls_full', RESOURCE_EXHAUSTED, text);
      return;
    }
    try {
      this.#options.onCall(call);
    } catch (thrown) {
      this.#options.on.defect(thrown);
      this.#turnAway(call, INTERNAL, RegatherError.from(thrown).message);
    }
  }

  #refuse(call: WorkerCall, why: CallRefusal, code: number, message: string): void {
    const pushbackMs = this.#options.onRefused(call.method, call.tasks.length, why);
    this.#turnAway(call, code, message, pushbackMs);
  }

  /** Ends a call whose handlers never saw it. */
  #turnAway(call: WorkerCall, code: number, message: string, pushbackMs = 0): void {
    const statuses: TaskFailure[] = call.tasks.map(({ shard }) => ({
      shard,
      code,
      message,
      notStarted: code !== INTERNAL,
      pushbackMs,
      source: 'task',
    }));
    call.end(statuses, 0, 0, this.#options.tasksInFlight());
  }

  cancel(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) this.#late(id, 'Cancel');
    else this.#drop(call, false);
  }

  credit(id: number, bytes: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) this.#late(id, 'Credit');
    else call.addCredit(bytes);
  }

  ping(token: bigint, reply: boolean): void {
    if (this.#peer === undefined) throw linkFault('Ping came before Hello');
    if (reply) {
      this.#barriers.get(token)?.();
      this.#barriers.delete(token);
      return;
    }
    this.#outbox.frames.ping(token, true);
    this.#outbox.touch();
  }

  chunk(): void {
    throw this.#unexpected('Chunk');
  }

  end(): void {
    throw this.#unexpected('End');
  }

  state(): void {
    throw this.#unexpected('State');
  }

  /** Frames for calls that have ended are dropped; for calls that never were, the root is confused. */
  #late(id: number, frame: string): void {
    if (this.#peer === undefined) throw linkFault(`${frame} came before Hello`);
    if (id === 0 || id > this.#lastId)
      throw linkFault(`${frame} has id ${id}, the highest seen is ${this.#lastId}`);
  }

  #unexpected(frame: string): RegatherError {
    return linkFault(`a root sent ${frame}, which is a worker's`);
  }
}
