import { RegatherError } from '../errors/errors.ts';
import type { FieldCode } from '../merge/code.ts';
import { comparedAs, FLOAT } from '../merge/order.ts';
import type { Sources } from '../merge/scan.ts';
import type { FieldType } from '../schema/plan.ts';
import { doubleAt, floatAt } from '../wire/reader.ts';
import { writeInteger } from '../wire/scalar.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, Reducer } from './reducer.ts';
import { integerAt } from './value.ts';

/**
 * Integers add up exactly, whatever they pass through on the way, and must fit the field in the end: free. Floats round at every step,
 * so they are added in shard order: ordered.
 */
export class Sum implements Reducer {
  readonly laws: Laws;
  readonly #field: FieldCode;
  readonly #isFloat: boolean;

  constructor(field: FieldCode) {
    this.#field = field;
    this.#isFloat = comparedAs(field.field.type) === FLOAT;
    this.laws = { free: !this.#isFloat, neutral: 'absent' };
  }

  reduce(sources: Sources, out: Writer): void {
    if (this.#isFloat) this.#floats(sources, out);
    else this.#integers(sources, out);
  }

  #floats(sources: Sources, out: Writer): void {
    const field = this.#field;
    const { slot } = field;
    const isDouble = field.field.type === 'double';
    let present = false;
    // From +0: a sum of zeros, whatever their signs, is +0.
    let sum = 0;
    for (const { at, bytes } of sources.of(field)) {
      const pos = at[slot]!;
      if (pos === 0) continue;
      present = true;
      sum += isDouble ? doubleAt(bytes, pos) : floatAt(bytes, pos);
    }
    if (!isDouble) sum = Math.fround(sum);
    // 1 - 1 and -0 + -0 end at +0 here; a sum can't be -0.
    if (!present || (sum === 0 && !field.explicit)) return;
    out.varint(field.tag);
    if (isDouble) out.double(sum);
    else out.float(sum);
  }

  #integers(sources: Sources, out: Writer): void {
    const field = this.#field;
    const { slot } = field;
    const { type } = field.field;
    let present = false;
    let sum: number | bigint = 0;
    for (const { at, bytes } of sources.of(field)) {
      const pos = at[slot]!;
      if (pos === 0) continue;
      present = true;
      sum = add(sum, integerAt(type, bytes, pos));
    }
    if (!present) return;
    if (!fits(type, sum)) {
      throw new RegatherError(
        'MERGE_OUT_OF_RANGE',
        `Expected a sum that fits ${type}, got ${sum} (${field.name})`,
        { field: field.name },
      );
    }
    if (!field.explicit && (sum === 0 || sum === 0n)) return;
    out.varint(field.tag);
    if (typeof sum === 'number') writeInteger(out, type, Math.floor(sum / 4294967296) >>> 0, sum >>> 0);
    else writeInteger(out, type, Number((sum >> 32n) & 0xffffffffn), Number(sum & 0xffffffffn));
  }
}

function add(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    // Two safe integers can't round back into the safe range.
    if (Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(a) + BigInt(b);
}

const LIMITS: Partial<Record<FieldType, readonly [bigint, bigint]>> = {
  int64: [-(1n << 63n), (1n << 63n) - 1n],
  sint64: [-(1n << 63n), (1n << 63n) - 1n],
  sfixed64: [-(1n << 63n), (1n << 63n) - 1n],
  uint64: [0n, (1n << 64n) - 1n],
  fixed64: [0n, (1n << 64n) - 1n],
  uint32: [0n, 0xffffffffn],
  fixed32: [0n, 0xffffffffn],
};

/** Whether an integer fits the type's range. */
export function fits(type: FieldType, value: number | bigint): boolean {
  if (typeof value === 'number') {
    if (type.endsWith('64'))
      return value >= 0 || type === 'int64' || type === 'sint64' || type === 'sfixed64';
    if (type === 'uint32' || type === 'fixed32') return value >= 0 && value <= 0xffffffff;
    return value >= -0x80000000 && value <= 0x7fffffff;
  }
  const limits = LIMITS[type];
  if (limits === undefined) return value >= -0x80000000n && value <= 0x7fffffffn;
  return value >= limits[0] && value <= limits[1];
}
