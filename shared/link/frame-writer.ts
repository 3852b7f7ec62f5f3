/**
 * Writes frames as protobuf straight into one growing buffer: sizes are computed first, each payload is copied once, and no object is
 * made. A message (Batch) is the concatenation of its frames.
 */

import {
  bytesField,
  numberField,
  packedSize,
  planFieldSize,
  statusSize,
  textField,
  varintSize,
  zigzag,
} from './frame-sizes.ts';
import { BATCH_BYTES, type CallFrame, type HelloFrame } from './frames.ts';
import type { TaskFailure } from './leaf-call.ts';

const SLAB_BYTES = 64 * 1024;
const MAX_NAMES = 256;
const NO_NUMBERS: readonly number[] = [];

export class FrameWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  readonly #names = new Map<string, Buffer>();
  readonly #full: () => void;

  /** `full` is called before a frame that would take the message above 256 KiB: it should `take` what is there. */
  constructor(full: () => void) {
    this.#full = full;
  }

  get sizeBytes(): number {
    return this.#at - this.#start;
  }

  /** The message so far, and a new one is begun. Its bytes are never written to again. */
  take(): Buffer {
    const message = this.#buffer.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return message;
  }

  hello(hello: HelloFrame): void {
    let plan = 0;
    for (const field of hello.plan) {
      const size = planFieldSize(field);
      plan += 1 + varintSize(size) + size;
    }
    const shards = packedSize(hello.shards);
    const limits = numberField(hello.maxCalls) + numberField(hello.maxMessageBytes);
    this.#begin(
      0x0a,
      numberField(hello.version) +
        textField(hello.service) +
        textField(hello.peer) +
        plan +
        bytesField(shards) +
        numberField(hello.shardCount) +
        1 +
        varintSize(limits) +
        limits,
    );
    this.#number(0x08, hello.version);
    this.#text(0x12, hello.service);
    this.#text(0x1a, hello.peer);
    for (const field of hello.plan) {
      this.#tagged(0x22, planFieldSize(field));
      this.#text(0x0a, field.message);
      this.#number(0x10, field.number);
      this.#text(0x1a, field.type);
      this.#text(0x22, field.cardinality);
      this.#text(0x2a, field.merge);
    }
    this.#packed(0x2a, hello.shards, shards);
    this.#number(0x30, hello.shardCount);
    this.#tagged(0x3a, limits);
    this.#number(0x08, hello.maxCalls);
    this.#number(0x10, hello.maxMessageBytes);
  }

  /** The frame's size within a message. */
  callSize(id: number, call: CallFrame, timeLeftUs: number, credit: number): number {
    const inner = this.#callBody(id, call, timeLeftUs, credit);
    const frame = 1 + varintSize(inner) + inner;
    return 1 + varintSize(frame) + frame;
  }

  #callBody(id: number, call: CallFrame, timeLeftUs: number, credit: number): number {
    const { tasks, metadata, priority } = call;
    let size =
      1 +
      varintSize(id) +
      bytesField(this.#name(call.method).length) +
      bytesField(call.payload.length) +
      numberField(timeLeftUs) +
      numberField(Math.round(call.flushAfterMs * 1000)) +
      numberField(zigzag(priority)) +
      numberField(call.epoch) +
      numberField(credit) +
      numberField(call.maxPartBytes) +
      (call.apart === true ? 2 : 0);
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i]!;
      const payload = task.payload;
      const body =
        numberField(task.shard) +
        (payload === undefined ? 0 : 1 + varintSize(payload.length) + payload.length);
      size += 1 + varintSize(body) + body;
    }
    for (let i = 0; i < metadata.length; i++) {
      const [key, value] = metadata[i]!;
      const body =
        bytesField(this.#name(key).length) +
        bytesField(typeof value === 'string' ? Buffer.byteLength(value) : value.length);
      size += 1 + varintSize(body) + body;
    }
    return size;
  }

  call(id: number, call: CallFrame, timeLeftUs: number, credit: number): void {
    const { tasks, metadata } = call;
    this.#begin(0x12, this.#callBody(id, call, timeLeftUs, credit));
    this.#tagged(0x08, id);
    this.#bytes(0x12, this.#name(call.method));
    this.#bytes(0x1a, call.payload);
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i]!;
      const payload = task.payload;
      this.#tagged(
        0x22,
        numberField(task.shard) +
          (payload === undefined ? 0 : 1 + varintSize(payload.length) + payload.length),
      );
      this.#number(0x08, task.shard);
      if (payload !== undefined) {
        this.#tagged(0x12, payload.length);
        this.#copy(payload);
      }
    }
    this.#number(0x28, timeLeftUs);
    this.#number(0x30, Math.round(call.flushAfterMs * 1000));
    this.#number(0x38, zigzag(call.priority));
    this.#number(0x40, call.epoch);
    for (let i = 0; i < metadata.length; i++) {
      const [key, value] = metadata[i]!;
      const name = this.#name(key);
      const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
      this.#tagged(0x4a, bytesField(name.length) + bytesField(length));
      this.#bytes(0x0a, name);
      if (typeof value !== 'string') this.#bytes(0x12, value);
      else if (length > 0) {
        this.#tagged(0x12, length);
        this.#characters(value, length);
      }
    }
    this.#number(0x50, credit);
    this.#number(0x58, call.maxPartBytes);
    if (call.apart === true) this.#number(0x60, 1);
  }

  /** `data` from `from` up to `to`. What comes after `last` only with it. */
  chunk(
    id: number,
    seq: number,
    data: Uint8Array,
    from: number,
    to: number,
    last: boolean,
    shards: readonly number[],
    segmentBytes: readonly number[],
    queueUs = NO_NUMBERS,
    serviceUs = NO_NUMBERS,
    heldUs = 0,
  ): void {
    let size = 1 + varintSize(id) + numberField(seq) + bytesField(to - from);
    let shardsSize = 0;
    let segmentsSize = 0;
    let queueSize = 0;
    let serviceSize = 0;
    if (last) {
      shardsSize = packedSize(shards);
      segmentsSize = packedSize(segmentBytes);
      queueSize = packedSize(queueUs);
      serviceSize = packedSize(serviceUs);
      size += 2 + bytesField(shardsSize) + bytesField(segmentsSize);
      size += bytesField(queueSize) + bytesField(serviceSize) + numberField(heldUs);
    }
    this.#begin(0x1a, size);
    this.#tagged(0x08, id);
    this.#number(0x10, seq);
    if (to > from) {
      this.#tagged(0x1a, to - from);
      this.#copy(from === 0 && to === data.length ? data : data.subarray(from, to));
    }
    if (last) {
      const buffer = this.#buffer;
      buffer[this.#at++] = 0x20;
      buffer[this.#at++] = 1;
      this.#packed(0x2a, shards, shardsSize);
      this.#packed(0x32, segmentBytes, segmentsSize);
      this.#packed(0x3a, queueUs, queueSize);
      this.#packed(0x42, serviceUs, serviceSize);
      this.#number(0x48, heldUs);
    }
  }

  end(
    id: number,
    statuses: readonly TaskFailure[],
    queueUs: number,
    serviceUs: number,
    inFlight: number,
  ): void {
    let size = 1 + varintSize(id) + numberField(queueUs) + numberField(serviceUs) + numberField(inFlight);
    for (let i = 0; i < statuses.length; i++) {
      const body = statusSize(statuses[i]!);
      size += 1 + varintSize(body) + body;
    }
    this.#begin(0x22, size);
    this.#tagged(0x08, id);
    for (let i = 0; i < statuses.length; i++) {
      const status = statuses[i]!;
      this.#tagged(0x12, statusSize(status));
      this.#number(0x08, status.shard);
      this.#number(0x10, status.code);
      this.#text(0x1a, status.message);
      if (status.details !== undefined) this.#bytes(0x22, status.details);
      if (status.notStarted) this.#number(0x28, 1);
      this.#number(0x30, status.pushbackMs);
    }
    this.#number(0x18, queueUs);
    this.#number(0x20, serviceUs);
    this.#number(0x28, inFlight);
  }

  cancel(id: number): void {
    const size = varintSize(id);
    this.#begin(0x2a, 2 + size);
    this.#tagged(0x0a, size);
    this.#varint(id);
  }

  credit(id: number, bytes: number): void {
    this.#begin(0x32, 2 + varintSize(id) + varintSize(bytes));
    this.#tagged(0x08, id);
    this.#tagged(0x10, bytes);
  }

  state(draining: boolean, shards: readonly number[], inFlight: number): void {
    const size = packedSize(shards);
    this.#begin(0x3a, (draining ? 2 : 0) + bytesField(size) + numberField(inFlight));
    if (draining) this.#number(0x08, 1);
    this.#packed(0x12, shards, size);
    this.#number(0x18, inFlight);
  }

  /** Tokens are the peer's to choose, so all 64 bits come back. */
  ping(token: bigint, reply: boolean): void {
    let size = 1;
    for (let rest = token >> 7n; rest > 0n; rest >>= 7n) size++;
    this.#begin(0x42, 1 + size + (reply ? 2 : 0));
    const buffer = this.#buffer;
    buffer[this.#at++] = 0x08;
    let rest = token;
    for (; rest > 0x7fn; rest >>= 7n) buffer[this.#at++] = Number(rest & 0x7fn) | 0x80;
    buffer[this.#at++] = Number(rest);
    if (reply) this.#number(0x10, 1);
  }

  /** Makes room for a frame, closes the message if it would grow too large, and writes both lengths. */
  #begin(tag: number, size: number): void {
    const inner = 1 + varintSize(size) + size;
    const total = 1 + varintSize(inner) + inner;
    const used = this.#at - this.#start;
    if (used > 0 && used + total > BATCH_BYTES) this.#full();
    if (this.#at + total > this.#buffer.length) this.#grow(total);
    this.#tagged(0x0a, inner);
    this.#tagged(tag, size);
  }

  /** A small slab serves many small messages; one that outgrows it moves once, to where a full message fits. */
  #grow(bytes: number): void {
    const used = this.#at - this.#start;
    const needed = used + bytes;
    const size = needed <= SLAB_BYTES / 2 ? SLAB_BYTES : Math.max(BATCH_BYTES + SLAB_BYTES, needed);
    const buffer = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(buffer, 0, this.#start, this.#at);
    this.#buffer = buffer;
    this.#start = 0;
    this.#at = used;
  }

  #name(text: string): Buffer {
    let bytes = this.#names.get(text);
    if (bytes === undefined) {
      if (this.#names.size >= MAX_NAMES) this.#names.clear();
      bytes = Buffer.from(text);
      this.#names.set(text, bytes);
    }
    return bytes;
  }

  #varint(value: number): void {
    const buffer = this.#buffer;
    let at = this.#at;
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    while (rest >= 0x80000000) {
      buffer[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest & 0x7f;
    this.#at = at;
  }

  #tagged(tag: number, value: number): void {
    this.#buffer[this.#at++] = tag;
    if (value < 0x80) this.#buffer[this.#at++] = value & 0x7f;
    else this.#varint(value);
  }

  #number(tag: number, value: number): void {
    if (value !== 0) this.#tagged(tag, value);
  }

  #bytes(tag: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#tagged(tag, bytes.length);
    this.#copy(bytes);
  }

  /** Below about 48 bytes a loop beats the call into native code. */
  #copy(bytes: Uint8Array): void {
    const length = bytes.length;
    if (length > 48) this.#buffer.set(bytes, this.#at);
    else {
      const buffer = this.#buffer;
      const at = this.#at;
      for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
    }
    this.#at += length;
  }

  #text(tag: number, text: string): void {
    if (text === '') return;
    const length = Buffer.byteLength(text);
    this.#tagged(tag, length);
    this.#characters(text, length);
  }

  #characters(text: string, length: number): void {
    this.#buffer.write(text, this.#at, length);
    this.#at += length;
  }

  #packed(tag: number, values: readonly number[], size: number): void {
    if (size === 0) return;
    this.#tagged(tag, size);
    for (let i = 0; i < values.length; i++) this.#varint(values[i]!);
  }
}
