/**
 * A place in a message's bytes. Every read moves it on and takes the end of what contains it; what doesn't fit throws LINK_PROTOCOL
 * with the place.
 */
import { RegatherError } from '../errors/errors.ts';
import { lengthWithin, skipValue, tagEnd, varintEnd, varintHigh, varintLow } from '../wire/reader.ts';
import { NameCache } from './name-cache.ts';

export const NO_BYTES: Buffer = Buffer.alloc(0);
/** Shared by all frames that have none, so it must never be added to. */
export const NO_NUMBERS: readonly number[] = [];

export class FrameCursor {
  bytes: Buffer = NO_BYTES;
  at = 0;
  readonly #names = new NameCache();

  tag(limit: number): number {
    const first = this.bytes[this.at]!;
    if (first < 0x80 && first >= 8 && this.at < limit) {
      this.at++;
      return first;
    }
    const next = tagEnd(this.bytes, this.at, limit);
    if (next < 0) throw this.fault('there is no field where one should be');
    const tag = varintLow(this.bytes, this.at);
    this.at = next;
    return tag;
  }

  /** Reads a length and returns where its bytes end. */
  end(limit: number): number {
    const length = lengthWithin(this.bytes, this.at, limit);
    if (length < 0) throw this.fault('a length goes beyond what contains it');
    this.#varint(limit);
    return this.at + length;
  }

  /** The low 32 bits of what is written, as protobuf does. */
  uint32(limit: number): number {
    const from = this.at;
    this.#varint(limit);
    return varintLow(this.bytes, from);
  }

  bool(limit: number): boolean {
    const from = this.at;
    this.#varint(limit);
    return varintLow(this.bytes, from) !== 0 || varintHigh(this.bytes, from) !== 0;
  }

  /** Above 2^53 only near the true value. */
  uint64(limit: number): number {
    const from = this.at;
    this.#varint(limit);
    const low = varintLow(this.bytes, from);
    return this.at - from < 5 ? low : varintHigh(this.bytes, from) * 0x100000000 + low;
  }

  /** One that has to be exact. */
  safe(what: string, limit: number): number {
    const value = this.uint64(limit);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault(`${what} is above ${Number.MAX_SAFE_INTEGER}`);
    return value;
  }

  /** All 64 bits. */
  bigint(limit: number): bigint {
    const from = this.at;
    this.#varint(limit);
    return (BigInt(varintHigh(this.bytes, from)) << 32n) | BigInt(varintLow(this.bytes, from));
  }

  view(limit: number): Buffer {
    const end = this.end(limit);
    const view = this.bytes.subarray(this.at, end);
    this.at = end;
    return view;
  }

  text(limit: number): string {
    const end = this.end(limit);
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end;
    return text;
  }

  /** A text that keeps coming back. */
  name(limit: number): string {
    const end = this.end(limit);
    const name = this.#names.get(this.bytes, this.at, end);
    this.at = end;
    return name;
  }

  /** Packed or not, by the tag; appends to `into` unless that is NO_NUMBERS. */
  numbers(tag: number, limit: number, into: readonly number[]): readonly number[] {
    if ((tag & 7) === 0) {
      const one = this.uint32(limit);
      if (into === NO_NUMBERS) return [one];
      (into as number[]).push(one);
      return into;
    }
    const end = this.end(limit);
    if (into !== NO_NUMBERS) {
      while (this.at < end) (into as number[]).push(this.uint32(end));
      return into;
    }
    // As long as it has to be: a list that grows by pushing takes room for 17.
    let count = 0;
    for (let at = this.at; at < end; at++) if (this.bytes[at]! < 0x80) count++;
    const list = new Array<number>(count);
    for (let i = 0; this.at < end; i++) list[i] = this.uint32(end);
    return list;
  }

  /** A field that nobody knows. */
  skip(tag: number, limit: number): void {
    const next = skipValue(this.bytes, this.at, limit, tag);
    if (next < 0) throw this.fault(`an unknown field (tag ${tag}) has no end`);
    this.at = next;
  }

  #varint(limit: number): void {
    if (this.at < limit && this.bytes[this.at]! < 0x80) {
      this.at++;
      return;
    }
    const next = varintEnd(this.bytes, this.at, limit);
    if (next < 0) throw this.fault('a number has no end');
    this.at = next;
  }

  fault(rule: string): RegatherError {
    return new RegatherError(
      'LINK_PROTOCOL',
      `A link message is malformed: ${rule} (byte ${this.at} of ${this.bytes.length})`,
    );
  }
}
