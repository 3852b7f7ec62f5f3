/**
 * protobuf's wire format, written into one buffer that grows. Made to be kept and reset: after the first few messages it
 * allocates nothing but the result.
 */
import { asBuffer, LEN } from './reader.ts';

/** Above this a result takes the buffer along instead of being copied out of it. */
const HAND_OVER = 65536;
/** Native copying pays off from about here. */
const SHORT_COPY = 16;

const float64 = new Float64Array(1);
const float32 = new Float32Array(float64.buffer, 0, 1);
const scratch = new Uint8Array(float64.buffer);

export class Writer {
  /** Bytes before `pos` are written. Replaced when it grows: never keep it over a call. */
  buffer: Buffer;
  pos = 0;

  constructor(sizeBytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(sizeBytes);
  }

  reset(): void {
    this.pos = 0;
  }

  /** A copy of what was written; the writer is empty after it. */
  finish(): Buffer {
    const { buffer, pos } = this;
    this.pos = 0;
    if (pos > HAND_OVER && pos * 2 > buffer.length) {
      this.buffer = Buffer.allocUnsafeSlow(1024);
      return buffer.subarray(0, pos);
    }
    const result = Buffer.allocUnsafe(pos);
    buffer.copy(result, 0, 0, pos);
    return result;
  }

  /** Makes room for `count` bytes more. */
  reserve(count: number): void {
    if (this.pos + count > this.buffer.length) this.#grow(count);
  }

  #grow(count: number): void {
    let size = this.buffer.length * 2;
    while (size < this.pos + count) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.buffer.copy(grown, 0, 0, this.pos);
    this.buffer = grown;
  }

  byte(value: number): void {
    if (this.pos === this.buffer.length) this.#grow(1);
    this.buffer[this.pos++] = value;
  }

  /** An unsigned integer below 2^32: a tag, a length, a uint32. */
  varint(value: number): void {
    if (this.pos + 5 > this.buffer.length) this.#grow(5);
    const { buffer } = this;
    while (value > 127) {
      buffer[this.pos++] = (value & 127) | 128;
      value >>>= 7;
    }
    buffer[this.pos++] = value;
  }

  /** 64 bits as two unsigned halves. */
  varint64(high: number, low: number): void {
    if (high === 0) {
      this.varint(low);
      return;
    }
    this.reserve(10);
    const { buffer } = this;
    // Four groups of seven bits from `low`, the fifth from both, the rest from `high`.
    for (let i = 0; i < 4; i++) {
      buffer[this.pos++] = (low & 127) | 128;
      low >>>= 7;
    }
    low |= (high & 7) << 4;
    high >>>= 3;
    if (high === 0) {
      buffer[this.pos++] = low;
      return;
    }
    buffer[this.pos++] = low | 128;
    while (high > 127) {
      buffer[this.pos++] = (high & 127) | 128;
      high >>>= 7;
    }
    buffer[this.pos++] = high;
  }

  /** Negative ones take ten bytes, as protobuf's int32, int64 and enum do. `value` is a safe integer or a BigInt. */
  integer(value: number | bigint): void {
    if (typeof value === 'bigint') {
      const bits = BigInt.asUintN(64, value);
      this.varint64(Number(bits >> 32n), Number(bits & 0xffffffffn));
    } else if (value >= 0 && value < 4294967296) this.varint(value);
    else this.varint64(Math.floor(value / 4294967296) >>> 0, value >>> 0);
  }

  tag(number: number, wireType: number): void {
    this.varint(((number << 3) | wireType) >>> 0);
  }

  fixed32(bits: number): void {
    this.reserve(4);
    const { buffer, pos } = this;
    buffer[pos] = bits;
    buffer[pos + 1] = bits >>> 8;
    buffer[pos + 2] = bits >>> 16;
    buffer[pos + 3] = bits >>> 24;
    this.pos = pos + 4;
  }

  fixed64(high: number, low: number): void {
    this.fixed32(low);
    this.fixed32(high);
  }

  /** Every NaN as the one quiet NaN: an engine may keep any bits it likes in one. */
  double(value: number): void {
    if (Number.isNaN(value)) {
      this.fixed64(0x7ff80000, 0);
      return;
    }
    float64[0] = value;
    this.reserve(8);
    for (let i = 0; i < 8; i++) this.buffer[this.pos++] = scratch[i]!;
  }

  float(value: number): void {
    if (Number.isNaN(value)) {
      this.fixed32(0x7fc00000);
      return;
    }
    float32[0] = value;
    this.reserve(4);
    for (let i = 0; i < 4; i++) this.buffer[this.pos++] = scratch[i]!;
  }

  /** Copies `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.pos + count > this.buffer.length) this.#grow(count);
    if (count <= SHORT_COPY) {
      const { buffer } = this;
      let to = this.pos;
      for (let from = start; from < end; from++) buffer[to++] = source[from]!;
    } else asBuffer(source).copy(this.buffer, this.pos, start, end);
    this.pos += count;
  }

  /** A length and the bytes. */
  bytes(source: Uint8Array): void {
    this.varint(source.length);
    this.copy(source, 0, source.length);
  }

  /** A length and the text as UTF-8. */
  string(text: string): void {
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.reserve(length);
    this.buffer.write(text, this.pos, 'utf8');
    this.pos += length;
  }

  /** Opens a length-delimited field whose length isn't known yet; `close` with what it returns. */
  open(number: number): number {
    this.tag(number, LEN);
    this.byte(0);
    return this.pos;
  }

  /** Fills in the length of what was written since `open`, moving it if the length takes more than one byte. */
  close(start: number): void {
    const length = this.pos - start;
    if (length < 128) {
      this.buffer[start - 1] = length;
      return;
    }
    let extra = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) extra++;
    this.reserve(extra);
    this.buffer.copyWithin(start + extra, start, this.pos);
    const end = this.pos + extra;
    this.pos = start - 1;
    this.varint(length);
    this.pos = end;
  }
}
