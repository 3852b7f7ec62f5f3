/**
 * Reads the frames of a message and hands each to a handler. Nothing is made that the handler doesn't get: bytes are views, method and
 * metadata names come from a cache. Unknown frames, and unknown fields or known ones of another wire type, are skipped, as
 * protobuf says; bytes that don't parse are LINK_PROTOCOL.
 */
import { RegatherError } from '../errors/errors.ts';
import type { PlanField } from '../schema/hello.ts';
import { type FrameHandler, MESSAGE_BYTES } from './frames.ts';
import type { LeafMetadata, LeafTask, TaskFailure } from './leaf-call.ts';
import { NameCache } from './name-cache.ts';

const NO_NUMBERS: readonly number[] = [];
const NO_STATUSES: readonly TaskFailure[] = [];
const NO_METADATA: LeafMetadata = [];
const NO_BYTES: Buffer = Buffer.alloc(0);
const MAX_GROUP_DEPTH = 32;

export class FrameReader {
  #bytes: Buffer = NO_BYTES;
  #at = 0;
  readonly #names = new NameCache();

  /** Throws RegatherError LINK_PROTOCOL; frames before the fault have been handed over by then. */
  read(message: Buffer, handler: FrameHandler): void {
    let at = 0;
    while (at < message.length) {
      // A handler may make this reader read again, so its place is set anew for each frame.
      this.#bytes = message;
      this.#at = at;
      const tag = this.#tag();
      if (tag !== 0x0a) {
        this.#skip(tag, message.length);
        at = this.#at;
        continue;
      }
      at = this.#end(message.length);
      this.#frame(at, handler);
    }
  }

  #frame(end: number, handler: FrameHandler): void {
    while (this.#at < end) {
      const tag = this.#tag();
      if ((tag & 7) !== 2 || tag > 0x42) {
        this.#skip(tag, end);
        continue;
      }
      const bodyEnd = this.#end(end);
      if (bodyEnd !== end) this.#only(bodyEnd, end);
      switch (tag) {
        case 0x0a:
          this.#hello(bodyEnd, handler);
          return;
        case 0x12:
          this.#call(bodyEnd, handler);
          return;
        case 0x1a:
          this.#chunk(bodyEnd, handler);
          return;
        case 0x22:
          this.#endFrame(bodyEnd, handler);
          return;
        case 0x2a:
          this.#cancel(bodyEnd, handler);
          return;
        case 0x32:
          this.#credit(bodyEnd, handler);
          return;
        case 0x3a:
          this.#state(bodyEnd, handler);
          return;
        case 0x42:
          this.#ping(bodyEnd, handler);
          return;
        default:
          this.#at = bodyEnd;
      }
    }
  }

  /** What follows a frame's kind may only be unknown fields: a frame has one kind. */
  #only(from: number, end: number): void {
    const at = this.#at;
    this.#at = from;
    while (this.#at < end) {
      const tag = this.#tag();
      if ((tag & 7) === 2 && tag <= 0x42) throw this.#fault('a frame has two kinds');
      this.#skip(tag, end);
    }
    this.#at = at;
  }

  #hello(end: number, handler: FrameHandler): void {
    let version = 0;
    let service = '';
    let peer = '';
    const plan: PlanField[] = [];
    let shards: number[] = [];
    let shardCount = 0;
    let maxCalls = 0;
    let maxMessageBytes = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      switch (tag) {
        case 0x08:
          version = this.#uint32(end);
          break;
        case 0x12:
          service = this.#text(end);
          break;
        case 0x1a:
          peer = this.#text(end);
          break;
        case 0x22:
          plan.push(this.#planField(this.#end(end)));
          break;
        case 0x28:
        case 0x2a:
          shards = this.#numbers(tag, end, shards);
          break;
        case 0x30:
          shardCount = this.#uint32(end);
          break;
        case 0x3a: {
          const limitsEnd = this.#end(end);
          while (this.#at < limitsEnd) {
            const limit = this.#tag();
            if (limit === 0x08) maxCalls = this.#uint32(limitsEnd);
            else if (limit === 0x10) maxMessageBytes = this.#uint32(limitsEnd);
            else this.#skip(limit, limitsEnd);
          }
          break;
        }
        default:
          this.#skip(tag, end);
      }
    }
    handler.hello({
      version,
      service,
      peer,
      plan,
      shards,
      shardCount,
      maxCalls,
      maxMessageBytes: maxMessageBytes === 0 ? MESSAGE_BYTES : maxMessageBytes,
    });
  }

  #planField(end: number): PlanField {
    let message = '';
    let number = 0;
    let type = '';
    let cardinality = '';
    let merge = '';
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x0a) message = this.#text(end);
      else if (tag === 0x10) number = this.#uint32(end);
      else if (tag === 0x1a) type = this.#text(end);
      else if (tag === 0x22) cardinality = this.#text(end);
      else if (tag === 0x2a) merge = this.#text(end);
      else this.#skip(tag, end);
    }
    return { message, number, type, cardinality, merge };
  }

  #call(end: number, handler: FrameHandler): void {
    let id = 0;
    let method = '';
    let payload = NO_BYTES;
    const tasks: LeafTask[] = [];
    let timeLeftUs = 0;
    let flushAfterUs = 0;
    let priority = 0;
    let epoch = 0;
    let metadata: [string, string | Buffer][] | undefined;
    let credit = 0;
    let maxPartBytes = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      switch (tag) {
        case 0x08:
          id = this.#safe('id', end);
          break;
        case 0x12:
          method = this.#name(end);
          break;
        case 0x1a:
          payload = this.#view(end);
          break;
        case 0x22:
          tasks.push(this.#task(this.#end(end)));
          break;
        case 0x28:
          timeLeftUs = this.#varint(end);
          break;
        case 0x30:
          flushAfterUs = this.#varint(end);
          break;
        case 0x38: {
          const zigzag = this.#uint32(end);
          priority = (zigzag >>> 1) ^ -(zigzag & 1);
          break;
        }
        case 0x40:
          epoch = this.#safe('epoch', end);
          break;
        case 0x4a:
          metadata ??= [];
          metadata.push(this.#metadatum(this.#end(end)));
          break;
        case 0x50:
          credit = this.#varint(end);
          break;
        case 0x58:
          maxPartBytes = this.#varint(end);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    handler.call(
      id,
      method,
      payload,
      tasks,
      timeLeftUs,
      flushAfterUs,
      priority,
      epoch,
      metadata ?? NO_METADATA,
      credit,
      maxPartBytes,
    );
  }

  #task(end: number): LeafTask {
    let shard = 0;
    let payload: Buffer | undefined;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x08) shard = this.#uint32(end);
      else if (tag === 0x12) payload = this.#view(end);
      else this.#skip(tag, end);
    }
    return payload === undefined ? { shard } : { shard, payload };
  }

  #metadatum(end: number): [string, string | Buffer] {
    let key = '';
    let value = NO_BYTES;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x0a) key = this.#name(end);
      else if (tag === 0x12) value = this.#view(end);
      else this.#skip(tag, end);
    }
    return [key, key.endsWith('-bin') ? value : value.toString()];
  }

  #chunk(end: number, handler: FrameHandler): void {
    let id = 0;
    let seq = 0;
    let data = NO_BYTES;
    let last = false;
    let shards = NO_NUMBERS;
    let segmentBytes = NO_NUMBERS;
    while (this.#at < end) {
      const tag = this.#tag();
      switch (tag) {
        case 0x08:
          id = this.#safe('id', end);
          break;
        case 0x10:
          seq = this.#uint32(end);
          break;
        case 0x1a:
          data = this.#view(end);
          break;
        case 0x20:
          last = this.#varint(end) !== 0;
          break;
        case 0x28:
        case 0x2a:
          shards = this.#numbers(tag, end, shards as number[]);
          break;
        case 0x30:
        case 0x32:
          segmentBytes = this.#numbers(tag, end, segmentBytes as number[]);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    handler.chunk(id, seq, data, last, shards, segmentBytes);
  }

  #endFrame(end: number, handler: FrameHandler): void {
    let id = 0;
    let statuses: TaskFailure[] | undefined;
    let queueUs = 0;
    let serviceUs = 0;
    let inFlight = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      switch (tag) {
        case 0x08:
          id = this.#safe('id', end);
          break;
        case 0x12:
          statuses ??= [];
          statuses.push(this.#status(this.#end(end)));
          break;
        case 0x18:
          queueUs = this.#varint(end);
          break;
        case 0x20:
          serviceUs = this.#varint(end);
          break;
        case 0x28:
          inFlight = this.#uint32(end);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    handler.end(id, statuses ?? NO_STATUSES, queueUs, serviceUs, inFlight);
  }

  #status(end: number): TaskFailure {
    let shard = 0;
    let code = 0;
    let message = '';
    let details: Buffer | undefined;
    let notStarted = false;
    let pushbackMs = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x08) shard = this.#uint32(end);
      else if (tag === 0x10) code = this.#uint32(end);
      else if (tag === 0x1a) message = this.#text(end);
      else if (tag === 0x22) details = this.#view(end);
      else if (tag === 0x28) notStarted = this.#varint(end) !== 0;
      else if (tag === 0x30) pushbackMs = this.#uint32(end);
      else this.#skip(tag, end);
    }
    return details === undefined || details.length === 0
      ? { shard, code, message, notStarted, pushbackMs, source: 'task' }
      : { shard, code, message, details, notStarted, pushbackMs, source: 'task' };
  }

  #cancel(end: number, handler: FrameHandler): void {
    // Read whole before anyone hears of it, since the handler may use this reader.
    const ids: number[] = [];
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x0a) {
        const packedEnd = this.#end(end);
        while (this.#at < packedEnd) ids.push(this.#safe('id', packedEnd));
      } else if (tag === 0x08) ids.push(this.#safe('id', end));
      else this.#skip(tag, end);
    }
    for (let i = 0; i < ids.length; i++) handler.cancel(ids[i]!);
  }

  #credit(end: number, handler: FrameHandler): void {
    let id = 0;
    let bytes = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x08) id = this.#safe('id', end);
      else if (tag === 0x10) bytes = this.#varint(end);
      else this.#skip(tag, end);
    }
    handler.credit(id, bytes);
  }

  #state(end: number, handler: FrameHandler): void {
    let draining = false;
    let shards: number[] = [];
    let inFlight = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x08) draining = this.#varint(end) !== 0;
      else if (tag === 0x10 || tag === 0x12) shards = this.#numbers(tag, end, shards);
      else if (tag === 0x18) inFlight = this.#uint32(end);
      else this.#skip(tag, end);
    }
    handler.state(draining, shards, inFlight);
  }

  #ping(end: number, handler: FrameHandler): void {
    let token = 0n;
    let reply = false;
    while (this.#at < end) {
      const tag = this.#tag();
      if (tag === 0x08) {
        const from = this.#at;
        this.#varint(end);
        token = 0n;
        for (let at = this.#at - 1; at >= from; at--) token = (token << 7n) | BigInt(this.#bytes[at]! & 0x7f);
        token = BigInt.asUintN(64, token);
      } else if (tag === 0x10) reply = this.#varint(end) !== 0;
      else this.#skip(tag, end);
    }
    handler.ping(token, reply);
  }

  /** Packed or not; appends to `into` unless that is the shared empty list. */
  #numbers(tag: number, end: number, into: number[]): number[] {
    const list = into === NO_NUMBERS ? [] : into;
    if ((tag & 7) === 0) {
      list.push(this.#uint32(end));
      return list;
    }
    const packedEnd = this.#end(end);
    while (this.#at < packedEnd) list.push(this.#uint32(packedEnd));
    return list;
  }

  /** Reads a length and returns where its bytes end. */
  #end(limit: number): number {
    const length = this.#varint(limit);
    const end = this.#at + length;
    if (end > limit) throw this.#fault(`a length of ${length} goes beyond what contains it`);
    return end;
  }

  #view(limit: number): Buffer {
    const end = this.#end(limit);
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  #text(limit: number): string {
    const end = this.#end(limit);
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    return text;
  }

  #name(limit: number): string {
    const end = this.#end(limit);
    const name = this.#names.get(this.#bytes, this.#at, end);
    this.#at = end;
    return name;
  }

  #tag(): number {
    const bytes = this.#bytes;
    const first = bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      if (first < 8) throw this.#fault('a field has number 0');
      this.#at++;
      return first;
    }
    const tag = this.#varint(bytes.length);
    if (tag < 8 || tag > 0xffffffff) throw this.#fault(`${tag} is not a field's tag`);
    return tag;
  }

  /** The low 32 bits of what is written, as protobuf does. */
  #uint32(limit: number): number {
    const from = this.#at;
    const value = this.#varint(limit);
    if (value <= 0xffffffff) return value;
    let low = 0;
    for (let i = 0; i < 5; i++) low |= (this.#bytes[from + i]! & 0x7f) << (7 * i);
    return low >>> 0;
  }

  #safe(what: string, limit: number): number {
    const value = this.#varint(limit);
    if (value > Number.MAX_SAFE_INTEGER) throw this.#fault(`${what} is above ${Number.MAX_SAFE_INTEGER}`);
    return value;
  }

  /** Above 2^53 the value is only near the true one; who needs it exact, checks. */
  #varint(limit: number): number {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at >= limit) throw this.#fault('the message ends inside a field');
    let byte = bytes[at++]!;
    if (byte < 0x80) {
      this.#at = at;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 128;
    for (let count = 1; count < 10; count++) {
      if (at >= limit) throw this.#fault('the message ends inside a number');
      byte = bytes[at++]!;
      // The tenth byte holds one bit; what is above 64 bits is dropped, as protobuf does.
      value += (count === 9 ? byte & 1 : byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#at = at;
        return value;
      }
      scale *= 128;
    }
    throw this.#fault('a number has more than 10 bytes');
  }

  #skip(tag: number, limit: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.#varint(limit);
        return;
      case 1:
        this.#forward(8, limit);
        return;
      case 2:
        this.#at = this.#end(limit);
        return;
      case 3: {
        if (depth >= MAX_GROUP_DEPTH) throw this.#fault(`groups are nested deeper than ${MAX_GROUP_DEPTH}`);
        for (;;) {
          if (this.#at >= limit) throw this.#fault('a group has no end');
          const inner = this.#tag();
          if ((inner & 7) !== 4) this.#skip(inner, limit, depth + 1);
          else if (inner >>> 3 === tag >>> 3) return;
          else throw this.#fault('a group ends with another number');
        }
      }
      case 5:
        this.#forward(4, limit);
        return;
      default:
        throw this.#fault(`wire type ${tag & 7} has no place here`);
    }
  }

  #forward(count: number, limit: number): void {
    if (this.#at + count > limit) throw this.#fault('the message ends inside a field');
    this.#at += count;
  }

  #fault(rule: string): RegatherError {
    return new RegatherError(
      'LINK_PROTOCOL',
      `A link message is malformed: ${rule} (byte ${this.#at} of ${this.#bytes.length})`,
    );
  }
}
