/** A leaf call at the worker's end: what it answers waits here until the link and the root's credit let it go. */
import { RegatherError } from '../errors/errors.ts';
import { endFrameSize } from './frame-sizes.ts';
import type { FrameWriter } from './frame-writer.ts';
import { CHUNK_BYTES } from './frames.ts';
import type { IncomingCall } from './incoming-call.ts';
import type { LeafMetadata, LeafTask, TaskFailure } from './leaf-call.ts';

/** Items that wait unsent, above which a streaming handler is asked to pause: two chunks, so that one is always ready. */
const ROOM_BYTES = 2 * CHUNK_BYTES;
const NO_NUMBERS: readonly number[] = [];
const CANCELLED = 1;
const INTERNAL = 13;
/** What is left of a status's message when its End would be too large for the root. */
const SHORT_MESSAGE = 256;

/** What a call needs of its link. */
export interface CallQueue {
  /** There is something to send. */
  ready(call: WorkerCall): void;
  /** The most that an End may take. */
  readonly maxMessageBytes: number;
}

interface QueuedPart {
  readonly shards: readonly number[];
  readonly data: Uint8Array;
  readonly segmentBytes: readonly number[];
  readonly queueUs: readonly number[];
  readonly serviceUs: readonly number[];
}

export class WorkerCall implements IncomingCall {
  readonly id: number;
  readonly method: string;
  readonly payload: Buffer;
  readonly tasks: readonly LeafTask[];
  readonly deadline: number;
  readonly flushAfterMs: number;
  readonly priority: number;
  readonly epoch: number;
  readonly metadata: LeafMetadata;
  readonly maxPartBytes: number;
  readonly apart: boolean;
  readonly root: string;
  onCancel: (() => void) | undefined = undefined;
  cancelled = false;
  /** In the link's queue of calls that have something to send; the next one there. */
  queued = false;
  next: WorkerCall | undefined = undefined;
  readonly #queue: CallQueue;
  readonly #receivedAt: number;
  /** A streaming method: a shard without items has neither a part nor a status. */
  #streaming: boolean;
  readonly #parts: QueuedPart[] = [];
  #offset = 0;
  #seq = 0;
  #credit: number;
  #unsent = 0;
  /** Shards of tasks in parts so far. */
  #answered: number[] | undefined;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;
  /** `end` was called. */
  #over = false;
  #lost = false;
  #statuses: readonly TaskFailure[] = [];
  #queueUs = 0;
  #serviceUs = 0;
  #inFlight = 0;

  constructor(
    queue: CallQueue,
    root: string,
    id: number,
    method: string,
    payload: Buffer,
    tasks: readonly LeafTask[],
    receivedAt: number,
    deadline: number,
    flushAfterMs: number,
    priority: number,
    epoch: number,
    metadata: LeafMetadata,
    credit: number,
    maxPartBytes: number,
    apart: boolean,
    streaming: boolean,
  ) {
    this.#queue = queue;
    this.root = root;
    this.id = id;
    this.method = method;
    this.payload = payload;
    this.tasks = tasks;
    this.#receivedAt = receivedAt;
    this.deadline = deadline;
    this.flushAfterMs = flushAfterMs;
    this.priority = priority;
    this.epoch = epoch;
    this.metadata = metadata;
    this.#credit = credit;
    this.maxPartBytes = maxPartBytes;
    this.apart = apart;
    this.#streaming = streaming;
  }

  part(
    shards: readonly number[],
    data: Uint8Array,
    segmentBytes: readonly number[],
    queueUs = NO_NUMBERS,
    serviceUs = NO_NUMBERS,
  ): void {
    this.#check(shards, data);
    const { tasks } = this;
    const answered = this.#answered;
    for (let i = 0, at = 0; i < shards.length; i++) {
      const shard = shards[i]!;
      while (at < tasks.length && tasks[at]!.shard < shard) at++;
      if (at >= tasks.length || tasks[at]!.shard !== shard)
        throw defect(`a part for shard ${shard}, which call ${this.id} doesn't ask`);
      if (answered?.includes(shard)) throw defect(`a second part for shard ${shard} in call ${this.id}`);
    }
    if (this.cancelled) return;
    if (answered === undefined) this.#answered = shards.slice();
    else for (let i = 0; i < shards.length; i++) answered.push(shards[i]!);
    this.#parts.push({ shards, data, segmentBytes, queueUs, serviceUs });
    this.#unsent += data.length;
    this.#queue.ready(this);
  }

  items(shard: number, data: Uint8Array, itemBytes: readonly number[]): Promise<void> | undefined {
    const shards = [shard];
    this.#check(shards, data);
    if (!this.tasks.some((task) => task.shard === shard))
      throw defect(`items of shard ${shard}, which call ${this.id} doesn't ask`);
    if (this.cancelled) return undefined;
    this.#streaming = true;
    this.#parts.push({
      shards,
      data,
      segmentBytes: itemBytes,
      queueUs: NO_NUMBERS,
      serviceUs: NO_NUMBERS,
    });
    this.#unsent += data.length;
    this.#queue.ready(this);
    if (this.#unsent <= ROOM_BYTES) return undefined;
    this.#room ??= new Promise((resolve) => {
      this.#makeRoom = resolve;
    });
    return this.#room;
  }

  end(statuses: readonly TaskFailure[], queueUs: number, serviceUs: number, inFlight: number): void {
    if (this.#over) throw defect(`a second end of call ${this.id}`);
    this.#over = true;
    if (this.#lost) return;
    this.#statuses = this.#complete(statuses);
    this.#queueUs = Math.max(0, Math.round(queueUs));
    this.#serviceUs = Math.max(0, Math.round(serviceUs));
    this.#inFlight = Math.max(0, inFlight);
    this.#queue.ready(this);
  }

  /** The root wants nothing more, or is gone (`lost`): then not even an End is sent. */
  drop(lost: boolean): void {
    this.#lost ||= lost;
    if (this.cancelled) return;
    this.cancelled = true;
    this.#parts.length = 0;
    this.#unsent = 0;
    this.#roomMade();
    if (!this.#over) this.onCancel?.();
    else if (!lost) this.#queue.ready(this);
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#parts.length > 0) this.#queue.ready(this);
  }

  /** Something can be written now. */
  get sendable(): boolean {
    const part = this.#parts[0];
    if (part === undefined) return this.#over;
    return this.#credit > 0 || part.data.length === this.#offset;
  }

  /** Writes one chunk at most, and the End where nothing is left before it. True: that was the End. */
  write(frames: FrameWriter, now: number): boolean {
    const part = this.#parts[0];
    if (part !== undefined) {
      const { data } = part;
      const from = this.#offset;
      const to = Math.min(data.length, from + CHUNK_BYTES, from + this.#credit);
      const last = to === data.length;
      frames.chunk(
        this.id,
        this.#seq++,
        data,
        from,
        to,
        last,
        last ? part.shards : NO_NUMBERS,
        last ? part.segmentBytes : NO_NUMBERS,
        part.queueUs,
        part.serviceUs,
        part.serviceUs.length > 0 ? heldUs(now - this.#receivedAt) : 0,
      );
      this.#credit -= to - from;
      this.#unsent -= to - from;
      this.#offset = last ? 0 : to;
      if (last) this.#parts.shift();
      if (this.#makeRoom !== undefined && this.#unsent <= ROOM_BYTES / 2) this.#roomMade();
    }
    if (this.#parts.length > 0 || !this.#over) return false;
    frames.end(this.id, this.#statuses, this.#queueUs, this.#serviceUs, this.#inFlight);
    return true;
  }

  #check(shards: readonly number[], data: Uint8Array): void {
    if (this.#over) throw defect(`a part after the end of call ${this.id}`);
    if (data.length > this.maxPartBytes)
      throw new RegatherError(
        'PARTIAL_TOO_LARGE',
        `The partial of ${shards.length === 1 ? 'shard' : 'shards'} ${shards.join(', ')} has ${data.length} bytes, at most ${this.maxPartBytes} are allowed (max_answer_bytes)`,
        { shards },
      );
  }

  /** One status for every task that has no part: those that the worker gave, and what is missing. */
  #complete(statuses: readonly TaskFailure[]): readonly TaskFailure[] {
    let all: readonly TaskFailure[] = statuses;
    const missing = this.tasks.length - statuses.length - (this.#answered?.length ?? 0);
    if (missing > 0 && (this.cancelled || !this.#streaming)) all = this.#withMissing(statuses);
    if (all.length === 0) return all;
    const limit = this.#queue.maxMessageBytes;
    if (endFrameSize(all) <= limit) return all;
    return all.map(({ details: _, ...status }) => ({
      ...status,
      message: status.message.slice(0, SHORT_MESSAGE),
    }));
  }

  #withMissing(statuses: readonly TaskFailure[]): TaskFailure[] {
    const all = statuses.slice();
    for (const { shard } of this.tasks) {
      if (this.#answered?.includes(shard) || statuses.some((status) => status.shard === shard)) continue;
      all.push({
        shard,
        code: this.cancelled ? CANCELLED : INTERNAL,
        message: this.cancelled
          ? 'The call was cancelled'
          : `Shard ${shard} gave neither a part nor a status`,
        notStarted: false,
        pushbackMs: 0,
        source: 'task',
      });
    }
    return all;
  }

  #roomMade(): void {
    const made = this.#makeRoom;
    this.#room = undefined;
    this.#makeRoom = undefined;
    made?.();
  }
}

/** At least 1, because 0 says that it isn't known; at most what the frame can tell. */
function heldUs(heldMs: number): number {
  return Math.max(1, Math.min(0xffffffff, Math.round(heldMs * 1000)));
}

function defect(what: string): RegatherError {
  return new RegatherError('INTERNAL', `The worker gave the link ${what}`);
}
