/** A leaf call at the root's end: puts its parts together, checks them against what was asked, and ends exactly once. */
import { RegatherError } from '../errors/errors.ts';
import { CHUNK_BYTES, CREDIT_BYTES } from './frames.ts';
import type { LeafCall, LeafHandle, LeafSink, PartTiming, TaskFailure } from './leaf-call.ts';

const NO_FAILURES: readonly TaskFailure[] = [];
const OPEN = 0;
const ANSWERED = 1;
const FAILED = 2;
const CANCELLED = 1;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const UNAVAILABLE = 14;
/** A part that is too large is still received, up to so many times the bound, to name its size; then the call is cancelled. */
const MAX_OVERSIZE = 8;

/** What a call needs of its link. */
export interface CallLink {
  sendCredit(id: number, bytes: number): void;
  /** Tells the worker to stop, or takes the call back if it wasn't written; later calls `finish` at the end of the turn. */
  cancelCall(call: RootCall): void;
  /** A sink threw from `end`. */
  defect(error: unknown): void;
}

export class RootCall implements LeafHandle {
  readonly call: LeafCall;
  readonly #sink: LeafSink;
  readonly #link: CallLink;
  /** 0 until it is written. */
  id = 0;
  /** The message that it is in. */
  message = 0;
  /** Nothing is handed to the sink any more, except an `end` that is still owed. */
  closed = false;
  #ended = false;
  readonly #marks: number[];
  #open: number;
  #seq = 0;
  #credit: number;
  /** Streaming: bytes handed to the caller that it hasn't granted yet. */
  #ungranted = 0;
  /** Streaming: granted for a part that was incomplete, to be set off against what the caller grants. */
  #advanced = 0;
  /** Streaming: granted by the caller and not yet told to the worker. */
  #toGrant = 0;
  #pieces: Buffer[] | undefined;
  #pieceBytes = 0;
  #badParts = 0;
  #failures: TaskFailure[] | undefined;
  #violation: string | undefined;

  constructor(call: LeafCall, sink: LeafSink, link: CallLink) {
    this.call = call;
    this.#sink = sink;
    this.#link = link;
    const count = call.tasks.length;
    this.#marks = new Array<number>(count).fill(OPEN);
    this.#open = count;
    this.#credit = CREDIT_BYTES;
  }

  cancel(): void {
    if (this.closed) return;
    this.closed = true;
    this.#pieces = undefined;
    this.#link.cancelCall(this);
  }

  grant(bytes: number): void {
    if (!this.call.streaming || this.closed || this.id === 0) return;
    this.#ungranted = Math.max(0, this.#ungranted - bytes);
    const settled = Math.min(bytes, this.#advanced);
    this.#advanced -= settled;
    this.#toGrant += bytes - settled;
    if (this.#toGrant >= CREDIT_BYTES / 4) {
      this.#grantNow(this.#toGrant);
      this.#toGrant = 0;
    }
    if (this.#pieceBytes > 0) this.#advance();
  }

  chunk(
    seq: number,
    data: Buffer,
    last: boolean,
    shards: readonly number[],
    segmentBytes: readonly number[],
    timing: PartTiming,
  ): void {
    if (this.closed) return;
    if (seq !== this.#seq) {
      this.#break(`chunk ${seq} came where ${this.#seq} was due`);
      return;
    }
    this.#seq++;
    this.#credit -= data.length;
    if (this.#credit < 0) {
      this.#break(`its chunks are ${-this.#credit} bytes above its credit`);
      return;
    }
    if (!last) {
      this.#piece(data);
    } else {
      const bytes = this.#pieceBytes + data.length;
      const whole = this.#pieceBytes === 0 ? data : this.#whole(data);
      this.#pieces = undefined;
      this.#pieceBytes = 0;
      this.#part(shards, whole, segmentBytes, timing, bytes);
      if (this.closed) return;
      if (!this.call.streaming && this.#open > 0 && this.#credit < CREDIT_BYTES / 2) this.#refill();
    }
  }

  #piece(data: Buffer): void {
    const { maxPartBytes, streaming } = this.call;
    const bytes = this.#pieceBytes + data.length;
    this.#pieceBytes = bytes;
    if (bytes <= maxPartBytes) {
      this.#pieces ??= [];
      this.#pieces.push(data);
    } else {
      this.#pieces = undefined;
      if (bytes > MAX_OVERSIZE * Math.max(maxPartBytes, CHUNK_BYTES)) {
        this.#break(
          `a part has more than ${bytes} bytes, max_part_bytes is ${maxPartBytes}`,
          RESOURCE_EXHAUSTED,
        );
        return;
      }
    }
    if (!streaming) {
      if (this.#credit < CREDIT_BYTES / 2) this.#refill();
    } else this.#advance();
  }

  /**
   * A part larger than the credit could never arrive. So once the caller has granted all that it got, the link grants what it
   * holds itself, and never holds more than a credit and a part.
   */
  #advance(): void {
    if (this.#ungranted > 0 || this.#credit >= CREDIT_BYTES / 2) return;
    this.#advanced += CREDIT_BYTES - this.#credit;
    this.#refill();
  }

  #refill(): void {
    this.#grantNow(CREDIT_BYTES - this.#credit);
  }

  #grantNow(bytes: number): void {
    this.#credit += bytes;
    this.#link.sendCredit(this.id, bytes);
  }

  /** The one copy of a part that came in several chunks. */
  #whole(data: Buffer): Buffer {
    const pieces = this.#pieces;
    const bytes = this.#pieceBytes + data.length;
    if (pieces === undefined || bytes > this.call.maxPartBytes) return data;
    const whole = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (let i = 0; i < pieces.length; i++) {
      whole.set(pieces[i]!, at);
      at += pieces[i]!.length;
    }
    whole.set(data, at);
    return whole;
  }

  #part(
    shards: readonly number[],
    data: Buffer,
    segmentBytes: readonly number[],
    timing: PartTiming,
    bytes: number,
  ): void {
    const { tasks, streaming, maxPartBytes } = this.call;
    let fault: string | undefined;
    let code = INTERNAL;
    if (bytes > maxPartBytes) {
      fault = `a part has ${bytes} bytes, max_part_bytes is ${maxPartBytes}`;
      code = RESOURCE_EXHAUSTED;
    } else fault = this.#shape(shards, data, segmentBytes);
    for (let i = 0, at = 0; i < shards.length && fault === undefined; i++) {
      const shard = shards[i]!;
      while (at < tasks.length && tasks[at]!.shard < shard) at++;
      if (at >= tasks.length || tasks[at]!.shard !== shard)
        fault = `a part is for shard ${shard}, which wasn't asked`;
      else if (this.#marks[at] !== OPEN)
        fault = `a part is for shard ${shard}, which ${this.#marks[at] === FAILED ? 'has failed' : 'is in an earlier part'}`;
    }
    if (fault !== undefined) {
      this.#badPart(shards, fault, code);
      return;
    }
    if (streaming) this.#ungranted += data.length;
    else this.#mark(shards, ANSWERED);
    try {
      this.#sink.part(shards, data, segmentBytes, isTold(timing, shards.length) ? timing : undefined);
    } catch (thrown) {
      // The caller can't use it: that is this part's failure and nobody else's.
      if (!streaming) this.#mark(shards, OPEN);
      this.#badPart(shards, RegatherError.from(thrown).message, INTERNAL);
    }
  }

  /** What is wrong with a part's lists, if anything. */
  #shape(shards: readonly number[], data: Buffer, segmentBytes: readonly number[]): string | undefined {
    const count = shards.length;
    if (count === 0) return 'a part is for no shard';
    if (count > 1 && this.call.apart === true)
      return `a part is for ${count} shards of a call that wants them apart`;
    for (let i = 1; i < count; i++)
      if (shards[i]! <= shards[i - 1]!) return `a part's shards don't ascend: ${shards[i - 1]}, ${shards[i]}`;
    if (this.call.streaming) {
      if (count !== 1) return `a streaming part is for ${count} shards, not 1`;
    } else if (segmentBytes.length === 0) return undefined;
    else if (segmentBytes.length !== count)
      return `a part has ${segmentBytes.length} segments for ${count} shards`;
    let sum = 0;
    for (let i = 0; i < segmentBytes.length; i++) sum += segmentBytes[i]!;
    if (this.call.streaming ? sum !== data.length : sum > data.length)
      return `a part's segments have ${sum} bytes, the part has ${data.length}`;
    return undefined;
  }

  #badPart(shards: readonly number[], fault: string, code: number): void {
    this.#violation = fault;
    for (let i = 0; i < shards.length; i++) this.#fail(shards[i]!, code, fault);
    if (++this.#badParts > this.call.tasks.length) this.#break(fault);
  }

  #mark(shards: readonly number[], mark: number): void {
    const { tasks } = this.call;
    for (let i = 0, at = 0; i < shards.length; i++) {
      while (tasks[at]!.shard !== shards[i]) at++;
      this.#marks[at] = mark;
    }
    this.#open += mark === OPEN ? shards.length : -shards.length;
  }

  /** A failure of a task that is still open; others have had their say. */
  #fail(shard: number, code: number, fault: string): void {
    const { tasks } = this.call;
    for (let i = 0; i < tasks.length; i++)
      if (tasks[i]!.shard === shard && this.#marks[i] === OPEN)
        this.#failAt(i, protocolFailure(shard, code, fault));
  }

  #failAt(index: number, failure: TaskFailure): void {
    this.#marks[index] = FAILED;
    this.#open--;
    this.#failures ??= [];
    this.#failures.push(failure);
  }

  /** The call can't go on: what is open fails, the worker is told to stop. */
  #break(fault: string, code = INTERNAL): void {
    const { tasks } = this.call;
    for (let i = 0; i < tasks.length; i++)
      if (this.#marks[i] === OPEN) this.#failAt(i, protocolFailure(tasks[i]!.shard, code, fault));
    this.cancel();
  }

  /** The worker's End. */
  end(statuses: readonly TaskFailure[], queueUs: number, serviceUs: number, inFlight: number): void {
    if (this.closed) return;
    this.closed = true;
    const { tasks, streaming } = this.call;
    let index = -1;
    for (let i = 0; i < statuses.length; i++) {
      const status = statuses[i]!;
      index = this.#indexOf(status.shard, index + 1);
      if (index < 0) this.#violation = `a status is for shard ${status.shard}, which wasn't asked`;
      else if (this.#marks[index] !== OPEN) continue;
      else if (status.code === 0)
        this.#failAt(index, protocolFailure(status.shard, INTERNAL, 'its status has code 0'));
      else this.#failAt(index, status);
    }
    const cut = this.#pieceBytes > 0;
    if (this.#open > 0 && (!streaming || cut)) {
      const fault = `the call ended ${cut ? 'in the middle of a part' : 'without a part or a status for it'}${
        this.#violation === undefined ? '' : `, and ${this.#violation}`
      }`;
      for (let i = 0; i < tasks.length; i++)
        if (this.#marks[i] === OPEN) this.#failAt(i, protocolFailure(tasks[i]!.shard, INTERNAL, fault));
    }
    this.#pieces = undefined;
    this.#endSink(queueUs, serviceUs, inFlight);
  }

  /** `from`: where it is looked for first, because statuses come in the order of tasks. */
  #indexOf(shard: number, from: number): number {
    const { tasks } = this.call;
    for (let i = 0; i < tasks.length; i++) {
      const index = (from + i) % tasks.length;
      if (tasks[index]!.shard === shard) return index;
    }
    return -1;
  }

  /** Ends it from our side: what is open failed for this reason. Nothing happens if it has ended. */
  finish(code: number, message: string, source: TaskFailure['source'], notStarted: boolean): void {
    if (this.#ended) return;
    this.closed = true;
    this.#pieces = undefined;
    const { tasks } = this.call;
    for (let i = 0; i < tasks.length; i++)
      if (this.#marks[i] === OPEN)
        this.#failAt(i, { shard: tasks[i]!.shard, code, message, notStarted, pushbackMs: 0, source });
    this.#endSink(0, 0, -1);
  }

  finishCancelled(notStarted: boolean): void {
    this.finish(CANCELLED, 'The call was cancelled', 'task', notStarted);
  }

  #endSink(queueUs: number, serviceUs: number, inFlight: number): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#sink.end({ failures: this.#failures ?? NO_FAILURES, queueUs, serviceUs, inFlight });
    } catch (thrown) {
      this.#link.defect(thrown);
    }
  }
}

/** A worker that tells no times, or not all, is as good as one that tells none: they are no reason to refuse its answer. */
function isTold({ queueUs, serviceUs, heldUs }: PartTiming, count: number): boolean {
  return heldUs > 0 && queueUs.length === count && serviceUs.length === count;
}

function protocolFailure(shard: number, code: number, fault: string): TaskFailure {
  return {
    shard,
    code,
    message: `Shard ${shard} broke the link protocol: ${fault}`,
    notStarted: false,
    pushbackMs: 0,
    source: 'protocol',
  };
}

/** For a call that can't be written now: every task fails UNAVAILABLE, not started, in the next turn. */
export function failNextTurn(call: LeafCall, sink: LeafSink, message: string): LeafHandle {
  setImmediate(() => {
    const failures: TaskFailure[] = call.tasks.map(({ shard }) => ({
      shard,
      code: UNAVAILABLE,
      message,
      notStarted: true,
      pushbackMs: 0,
      source: 'transport',
    }));
    sink.end({ failures, queueUs: 0, serviceUs: 0, inFlight: -1 });
  });
  return NO_HANDLE;
}

const NO_HANDLE: LeafHandle = { cancel: () => undefined, grant: () => undefined };
