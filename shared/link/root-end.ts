/**
 * The root's end of one stream: starts calls, hands what comes back to them, and fails them when the stream is lost. It knows frames and
 * time, not gRPC.
 */
import type { Clock } from '../clock.ts';
import { RegatherError } from '../errors/errors.ts';
import { CallTable } from './call-table.ts';
import { linkFault } from './fault.ts';
import { FrameReader } from './frame-reader.ts';
import { CREDIT_BYTES, type FrameHandler, type HelloFrame } from './frames.ts';
import type { LeafCall, LeafHandle, LeafSink, PartTiming, TaskFailure } from './leaf-call.ts';
import { Outbox, type Pipe } from './outbox.ts';
import { type CallLink, RootCall } from './root-call.ts';
import { SilenceWatch } from './silence.ts';
import { atTurnEnd, type TurnEnd } from './turn.ts';

/** Calls that wait for a transport which is behind. Beyond it the worker is plainly not reading. */
const MAX_WAITING = 4096;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const FRAME_OVERHEAD = 64;
/** One for all parts: read before the next. */
const timing: { -readonly [K in keyof PartTiming]: PartTiming[K] } = {
  queueUs: [],
  serviceUs: [],
  heldUs: 0,
};

export interface RootEndEvents {
  /** The worker's Hello was accepted: calls may start. */
  ready(hello: HelloFrame): void;
  state(draining: boolean, shards: readonly number[]): void;
  /** The stream has to end: LINK_REFUSED, LINK_PROTOCOL or LINK_LOST. `lose` is the owner's to call. */
  failed(error: RegatherError): void;
  /** A sink threw from `end`, which it mustn't. */
  defect(error: unknown): void;
}

export interface RootEndOptions {
  readonly pipe: Pipe;
  readonly hello: HelloFrame;
  /** Why the worker's Hello can't be accepted. */
  readonly refuse: (theirs: HelloFrame) => string | undefined;
  readonly clock: Clock;
  readonly silenceMs: number;
  readonly idleMs: number;
  readonly on: RootEndEvents;
}

export class RootEnd implements FrameHandler, CallLink, TurnEnd {
  readonly #options: RootEndOptions;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #reader = new FrameReader();
  /** Written and without an End; those cancelled too, since the worker still holds them. */
  readonly #calls = new CallTable<RootCall>();
  #waiting: RootCall[] = [];
  #waitingFrom = 0;
  /** To be ended at the end of the turn. */
  #ending: RootCall[] = [];
  #endingDue = false;
  #silence: SilenceWatch | undefined;
  #peer: HelloFrame | undefined;
  #lastId = 0;
  #pings = 0n;
  #over: RegatherError | undefined;
  /** Tasks that ran or waited on the worker when it last said; -1: it hasn't. */
  lastLoad = -1;

  constructor(options: RootEndOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#outbox = new Outbox(options.pipe, () => this.#fill());
    this.#outbox.frames.hello(options.hello);
    this.#outbox.touch();
  }

  get inFlight(): number {
    return this.#calls.size + this.#waiting.length - this.#waitingFrom;
  }

  run(call: LeafCall, sink: LeafSink): LeafHandle {
    const open = new RootCall(call, sink, this);
    const peer = this.#peer;
    if (peer === undefined || this.#over !== undefined) {
      this.#endLater(open);
      return open;
    }
    if (this.inFlight === 0) this.#silence!.workBegins();
    if (peer.maxCalls > 0 && this.#calls.size >= peer.maxCalls) {
      this.#refuse(open, `the worker takes ${peer.maxCalls} calls at once on a link`);
    } else if (this.#outbox.congested || this.#waiting.length > 0) {
      if (this.#waiting.length - this.#waitingFrom >= MAX_WAITING)
        this.#refuse(open, `${MAX_WAITING} calls wait for the link already`);
      else {
        this.#waiting.push(open);
        this.#outbox.touch();
      }
    } else this.#write(open, peer);
    return open;
  }

  #write(open: RootCall, peer: HelloFrame): void {
    const { frames } = this.#outbox;
    const { call } = open;
    const timeLeftUs = Math.round(Math.min(Math.max(0, call.deadline - this.#clock.now()), 1e12) * 1000);
    const id = this.#lastId + 1;
    let bytes = FRAME_OVERHEAD + call.payload.length;
    for (let i = 0; i < call.tasks.length; i++)
      bytes += FRAME_OVERHEAD + (call.tasks[i]!.payload?.length ?? 0);
    // Only what may be too large is measured twice.
    if (bytes * 4 > peer.maxMessageBytes || call.metadata.length > 16) {
      const exact = frames.callSize(id, call, timeLeftUs, CREDIT_BYTES);
      if (exact > peer.maxMessageBytes) {
        this.#refuse(open, `the call has ${exact} bytes, the worker takes ${peer.maxMessageBytes}`);
        return;
      }
    }
    this.#lastId = id;
    open.id = id;
    this.#calls.add(open);
    frames.call(id, call, timeLeftUs, CREDIT_BYTES);
    open.message = this.#outbox.current;
    this.#outbox.touch();
  }

  /** Calls that had to wait. */
  #fill(): boolean {
    const { frames } = this.#outbox;
    const peer = this.#peer;
    if (peer === undefined) return false;
    const message = this.#outbox.current;
    while (this.#waitingFrom < this.#waiting.length) {
      if (message !== this.#outbox.current || frames.sizeBytes > 128 * 1024) return true;
      const open = this.#waiting[this.#waitingFrom++]!;
      if (!open.closed) this.#write(open, peer);
    }
    this.#waiting = [];
    this.#waitingFrom = 0;
    return false;
  }

  /** One message from the worker. */
  receive(message: Buffer): void {
    if (this.#over !== undefined) return;
    this.#silence?.heard();
    try {
      this.#reader.read(message, this);
    } catch (thrown) {
      this.#options.on.failed(RegatherError.from(thrown, 'LINK_PROTOCOL'));
    }
  }

  /** The transport takes messages again. */
  drained(): void {
    this.#outbox.drained();
  }

  /** The stream is over: every call ends, UNAVAILABLE. Those that weren't written never started. */
  lose(error: RegatherError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#silence?.stop();
    const { sent } = this.#outbox;
    this.#outbox.shut();
    const calls = this.#calls.drain();
    const waiting = this.#waiting.slice(this.#waitingFrom);
    this.#waiting = [];
    this.#waitingFrom = 0;
    for (const open of calls) open.finish(UNAVAILABLE, error.message, 'transport', open.message >= sent);
    for (const open of waiting) open.finish(UNAVAILABLE, error.message, 'transport', true);
  }

  // What calls need of their link.

  sendCredit(id: number, bytes: number): void {
    this.#outbox.frames.credit(id, bytes);
    this.#outbox.touch();
  }

  cancelCall(call: RootCall): void {
    if (call.id !== 0 && this.#over === undefined) {
      this.#outbox.frames.cancel(call.id);
      this.#outbox.touch();
    }
    this.#endLater(call);
  }

  defect(error: unknown): void {
    this.#options.on.defect(error);
  }

  #refuse(open: RootCall, reason: string): void {
    open.closed = true;
    // `end` mustn't come from within `run`.
    setImmediate(() =>
      open.finish(RESOURCE_EXHAUSTED, `The link to ${this.#peer?.peer} is full: ${reason}`, 'task', true),
    );
  }

  #endLater(open: RootCall): void {
    this.#ending.push(open);
    if (this.#endingDue) return;
    this.#endingDue = true;
    atTurnEnd(this);
  }

  turnEnded(): void {
    this.#endingDue = false;
    const ending = this.#ending;
    this.#ending = [];
    for (let i = 0; i < ending.length; i++) {
      const open = ending[i]!;
      if (open.closed) open.finishCancelled(open.id === 0);
      else open.finish(UNAVAILABLE, this.#over?.message ?? 'The link is not ready', 'transport', true);
    }
  }

  // Frames.

  hello(hello: HelloFrame): void {
    if (this.#peer !== undefined) throw linkFault('Hello came twice');
    if (hello.version < 1) throw linkFault(`Hello has version ${hello.version}, at least 1 is needed`);
    const reason = this.#options.refuse(hello);
    if (reason !== undefined) throw new RegatherError('LINK_REFUSED', reason);
    this.#peer = hello;
    const { clock, silenceMs, idleMs, on } = this.#options;
    this.#silence = new SilenceWatch({
      clock,
      limitMs: silenceMs,
      idleMs,
      busy: () => this.inFlight > 0,
      ping: () => {
        this.#outbox.frames.ping(++this.#pings, false);
        this.#outbox.touch();
      },
      lost: (silentMs) =>
        on.failed(
          new RegatherError(
            'LINK_LOST',
            `The link to ${hello.peer} was silent for ${Math.round(silentMs)} ms with ${this.#calls.size} calls open, ${silenceMs} ms are allowed`,
          ),
        ),
    });
    on.ready(hello);
  }

  chunk(
    id: number,
    seq: number,
    data: Buffer,
    last: boolean,
    shards: readonly number[],
    segmentBytes: readonly number[],
    queueUs: readonly number[],
    serviceUs: readonly number[],
    heldUs: number,
  ): void {
    const open = this.#calls.get(id);
    if (open === undefined) {
      this.#late(id, 'Chunk');
      return;
    }
    timing.queueUs = queueUs;
    timing.serviceUs = serviceUs;
    timing.heldUs = heldUs;
    open.chunk(seq, data, last, shards, segmentBytes, timing);
  }

  end(
    id: number,
    statuses: readonly TaskFailure[],
    queueUs: number,
    serviceUs: number,
    inFlight: number,
  ): void {
    this.lastLoad = inFlight;
    const open = this.#calls.get(id);
    if (open === undefined) {
      this.#late(id, 'End');
      return;
    }
    this.#calls.delete(id);
    open.end(statuses, queueUs, serviceUs, inFlight);
  }

  state(draining: boolean, shards: readonly number[], inFlight: number): void {
    this.#greeted('State');
    this.lastLoad = inFlight;
    this.#options.on.state(draining, shards);
  }

  ping(token: bigint, reply: boolean): void {
    this.#greeted('Ping');
    if (reply) return;
    this.#outbox.frames.ping(token, true);
    this.#outbox.touch();
  }

  call(): void {
    throw this.#unexpected('Call');
  }

  cancel(): void {
    throw this.#unexpected('Cancel');
  }

  credit(): void {
    throw this.#unexpected('Credit');
  }

  /** Frames for calls that have ended are dropped; for calls that never were, the worker is confused. */
  #late(id: number, frame: string): void {
    this.#greeted(frame);
    if (id === 0 || id > this.#lastId)
      throw linkFault(`${frame} has id ${id}, the highest given is ${this.#lastId}`);
  }

  #greeted(frame: string): void {
    if (this.#peer === undefined) throw linkFault(`${frame} came before Hello`);
  }

  #unexpected(frame: string): RegatherError {
    return linkFault(`a worker sent ${frame}, which is a root's`);
  }
}
