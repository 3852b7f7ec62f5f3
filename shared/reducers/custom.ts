import { RegatherError } from '../errors/errors.ts';
import { type FieldCode, ITEMS, RUNS, VALUE } from '../merge/code.ts';
import { numberEnd, type Scan, type Sources } from '../merge/scan.ts';
import type { FieldShape, FieldType } from '../schema/plan.ts';
import { check } from '../wire/check.ts';
import { WireFault } from '../wire/fault.ts';
import { LEN, MAX_DEPTH, START_GROUP } from '../wire/reader.ts';
import { is64Bit, readScalar, type ScalarValue, writeScalar } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';
import { concatenated } from './same.ts';
import { fits } from './sum.ts';
import { writeItem } from './value.ts';

/**
 * A value as a custom reducer sees it: 64-bit integers as bigint, other numbers and enums as number, strings as string, bytes and messages
 * (serialized) as Uint8Array, map entries as messages with fields 1 and 2.
 */
export type CustomValue = ScalarValue;

/** A merge of the user's own: `(regather.v1.merge).custom = { name: "median", options: "…" }`. */
export interface CustomReducer {
  /** What the annotation calls it by. */
  readonly name: string;
  /**
   * The result depends neither on how the shards are grouped nor on their order, so workers may merge theirs first. Default
   * false, because a wrong true makes answers depend on where shards run; `checkReducerLaws` tests it.
   */
  readonly free?: boolean;
  /** Why it can't merge that field with those options, or undefined. Asked once, at start-up. Default: it takes any field. */
  accepts?(field: FieldShape, options: string): string | undefined;
  /**
   * `values[i]` are those of the i-th source in shard order: of a repeated field all of them; of a singular field one, or none where the
   * field has presence and is absent. Returns the merged values: for a singular field at most one. Must not keep or change what it gets, and
   * must return the same for the same values.
   */
  merge(values: readonly (readonly CustomValue[])[], options: string): readonly CustomValue[];
}

export type CustomReducers = ReadonlyMap<string, CustomReducer>;

export class Custom implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;
  readonly #reducer: CustomReducer;
  readonly #options: string;

  constructor(field: FieldCode, reducer: CustomReducer, options: string) {
    this.laws = { free: reducer.free === true, neutral: 'nothing' };
    this.#field = field;
    this.#reducer = reducer;
    this.#options = options;
  }

  reduce(sources: Sources, out: Writer): void {
    const values = sources.of(this.#field).map((scan) => valuesOf(this.#field, scan));
    let merged: readonly CustomValue[];
    try {
      merged = this.#reducer.merge(values, this.#options);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw this.#error(`to merge, got an exception: ${reason}`, thrown);
    }
    if (!Array.isArray(merged)) throw this.#error(`to return an array, got ${describe(merged)}`);
    const { field } = this.#field;
    if (!field.repeated && merged.length > 1) {
      throw this.#error(`to return at most one value of a singular field, got ${merged.length}`);
    }
    for (const value of merged) this.#check(value);
    this.#write(merged, out);
  }

  #check(value: CustomValue): void {
    const { field, check: message } = this.#field;
    const wanted = misfit(field.type, value);
    if (wanted !== undefined) throw this.#error(`to return ${wanted}, got ${describe(value)}`);
    if (message === undefined) return;
    const bytes = value as Uint8Array;
    try {
      check(message, bytes, 0, bytes.length, -1, MAX_DEPTH);
    } catch (thrown) {
      if (!(thrown instanceof WireFault)) throw thrown;
      throw this.#error(
        `to return a ${message.shape.name}, got ${thrown.message} in ${thrown.field} at byte ${thrown.offset}`,
      );
    }
  }

  #write(merged: readonly CustomValue[], out: Writer): void {
    const code = this.#field;
    const { field } = code;
    if (code.scanAs === RUNS && field.packed) {
      if (merged.length === 0) return;
      const packed = new Writer(merged.length * 2 + 16);
      for (const value of merged) writeScalar(packed, field.type, value);
      out.tag(field.number, LEN);
      out.varint(packed.pos);
      out.copy(packed.buffer, 0, packed.pos);
      return;
    }
    for (const value of merged) {
      if (code.wireType === START_GROUP) {
        const bytes = Buffer.from(value as Uint8Array);
        writeItem(out, code, bytes, 0, bytes.length);
        continue;
      }
      if (!field.repeated && !code.explicit && isDefault(value)) continue;
      out.varint(code.tag);
      writeScalar(out, field.type, value);
    }
  }

  #error(what: string, cause?: unknown): RegatherError {
    return new RegatherError(
      'INTERNAL',
      `Expected the custom reducer "${this.#reducer.name}" ${what} (${this.#field.name})`,
      { field: this.#field.name, cause },
    );
  }
}

function valuesOf(code: FieldCode, scan: Scan): CustomValue[] {
  const { slot, field } = code;
  const { bytes } = scan;
  const pos = scan.at[slot]!;
  if (code.scanAs === VALUE) {
    if (pos > 0) return [owned(readScalar(field.type, bytes, pos))];
    return code.explicit ? [] : [defaultOf(field.type)];
  }
  const list = scan.lists[slot];
  const values: CustomValue[] = [];
  if (list === undefined) return values;
  if (!field.repeated) return [Uint8Array.from(concatenated(code, scan))];
  for (let i = 0; i < list.count; i++) {
    const [start, end] = [list.start(i), list.end(i)];
    if (code.scanAs === ITEMS) {
      values.push(
        field.type === 'string'
          ? bytes.toString('utf8', start, end)
          : Uint8Array.from(bytes.subarray(start, end)),
      );
      continue;
    }
    for (let at = start; at < end; at = numberEnd(code, bytes, at, end))
      values.push(readScalar(field.type, bytes, at));
  }
  return values;
}

/** Bytes are copied: what a reducer gets is its own, whatever happens to the partial. */
function owned(value: CustomValue): CustomValue {
  return typeof value === 'object' ? Uint8Array.from(value) : value;
}

function defaultOf(type: FieldType): CustomValue {
  switch (type) {
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array(0);
    case 'bool':
      return false;
    default:
      return is64Bit(type) ? 0n : 0;
  }
}

function isDefault(value: CustomValue): boolean {
  if (typeof value === 'number') return Object.is(value, 0);
  if (typeof value === 'object') return value.length === 0;
  return value === '' || value === 0n || value === false;
}

/** What a value of that type would have been, if this isn't one. */
function misfit(type: FieldType, value: unknown): string | undefined {
  switch (type) {
    case 'double':
    case 'float':
      return typeof value === 'number' ? undefined : 'a number';
    case 'string':
      return typeof value === 'string' ? undefined : 'a string';
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'a boolean';
    case 'bytes':
    case 'message':
    case 'group':
      return value instanceof Uint8Array ? undefined : 'a Uint8Array';
    default: {
      const isInteger =
        typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
      return isInteger && fits(type, value as number | bigint) ? undefined : `an integer that fits ${type}`;
    }
  }
}

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return Array.isArray(value) ? 'an array' : value instanceof Uint8Array ? 'bytes' : `a ${typeof value}`;
}
