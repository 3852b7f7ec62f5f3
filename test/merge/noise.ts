/**
 * Random messages of a type as raw wire bytes, in all the forms that protobuf allows: fields in any order, given more than once, packed or
 * not, messages split over several occurrences, over-long varints, integers of more bits than their type, unknown fields.
 */
import type { FieldShape, MessageShape } from '../../shared/schema/plan.ts';
import { END_GROUP, FIXED32, FIXED64, LEN, START_GROUP, VARINT } from '../../shared/wire/reader.ts';
import { wireTypeOf } from '../../shared/wire/scalar.ts';

/** A small, seeded generator (mulberry32): the same seed, the same bytes. */
export class Noise {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}

export interface NoiseOptions {
  /** Share of the fields that are there. */
  readonly density: number;
  /** Odd forms: over-long varints, splits, duplicates, unknown fields. */
  readonly odd: boolean;
  /** Sums near the limits of their types, so that they overflow. */
  readonly extremes: boolean;
}

/** Without `odd`, as a canonical serializer writes it. */
export function randomMessage(
  noise: Noise,
  shape: MessageShape,
  options: NoiseOptions,
  depth = 0,
  isMap = false,
): Buffer {
  const pieces: Buffer[] = [];
  // Serializers write both fields of a map's entries, whatever their values.
  const isEntry = isMap && !options.odd;
  for (const field of shape.fields) {
    if (!isEntry && !noise.chance(options.density / (1 + depth))) continue;
    const written = randomField(noise, field, options, depth);
    pieces.push(...(isEntry && written.length === 0 ? [randomDefault(noise, field, options)] : written));
    if (options.odd && !field.repeated && noise.chance(0.15))
      pieces.push(...randomField(noise, field, options, depth));
  }
  if (options.odd) {
    if (noise.chance(0.2)) pieces.push(unknownField(noise, 2));
    noise.shuffle(pieces);
  }
  return Buffer.concat(pieces);
}

function randomField(noise: Noise, field: FieldShape, options: NoiseOptions, depth: number): Buffer[] {
  if (field.message !== undefined) {
    const count = field.repeated ? 1 + noise.below(4) : 1;
    const pieces: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      if (depth > 4) continue;
      // Entries are odd by themselves: fields left out or given twice.
      const body = randomMessage(noise, field.message, options, depth + 1, field.isMap);
      const split = options.odd && !field.repeated && noise.chance(0.3);
      if (!split) pieces.push(lengthField(noise, field.number, body, options));
      else {
        const more = randomMessage(noise, field.message, options, depth + 1);
        pieces.push(
          lengthField(noise, field.number, body, options),
          lengthField(noise, field.number, more, options),
        );
      }
    }
    return pieces;
  }
  const wireType = wireTypeOf(field.type);
  if (!field.repeated) {
    const value = randomValue(noise, field, options);
    if (!options.odd && field.presence === 'implicit' && value.every((byte) => byte === 0)) return [];
    return [tagged(noise, field.number, wireType, value, options)];
  }
  const pieces: Buffer[] = [];
  const runs = options.odd ? 1 + noise.below(3) : 1;
  for (let run = 0; run < runs; run++) {
    const values = Array.from({ length: options.odd ? noise.below(4) : 1 + noise.below(3) }, () =>
      randomValue(noise, field, options),
    );
    const packed = wireType !== LEN && (options.odd ? noise.chance(0.5) : field.packed);
    if (packed) pieces.push(lengthField(noise, field.number, Buffer.concat(values), options));
    else for (const value of values) pieces.push(tagged(noise, field.number, wireType, value, options));
  }
  return pieces;
}

/** The default of a field, written out. */
function randomDefault(noise: Noise, { number, type }: FieldShape, options: NoiseOptions): Buffer {
  const wireType = wireTypeOf(type);
  const size = wireType === FIXED64 ? 8 : wireType === FIXED32 ? 4 : 1;
  return tagged(noise, number, wireType, Buffer.alloc(size), options);
}

const texts = [
  '',
  'a',
  'b',
  'ab',
  'é',
  'zz-long-enough-to-share-a-prefix-1',
  'zz-long-enough-to-share-a-prefix-2',
  '😀',
];
const floats = [0, -0, 1, 1.5, -2.25, 0.1, 1e16, -1e16, 3e38, Infinity, -Infinity, NaN];
const small = [0n, 1n, -1n, 2n, 5n, 127n, 128n, 300n, -300n, 70000n];
const large = [(1n << 53n) - 1n, 1n << 53n, (1n << 53n) + 1n, -(1n << 53n) - 1n, (1n << 62n) + 7n];

function randomValue(noise: Noise, { type }: FieldShape, options: NoiseOptions): Buffer {
  switch (type) {
    case 'string':
      return delimited(noise, Buffer.from(noise.pick(texts)), options);
    case 'bytes':
      return delimited(
        noise,
        Buffer.from([...Array(noise.below(4))].map(() => noise.pick([0, 1, 255]))),
        options,
      );
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(noise.pick(floats));
      return bytes;
    }
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(noise.pick(floats));
      return bytes;
    }
    case 'bool':
      return varint(noise, noise.pick([0n, 1n, 1n, ...(options.odd ? [2n, 128n, 1n << 40n] : [])]), options);
    default:
  }
  const is64 = type.endsWith('64');
  const isSigned = type.startsWith('s') || type.startsWith('i') || type === 'enum';
  let value = noise.pick(options.extremes && noise.chance(0.2) && is64 ? large : small);
  if (options.extremes && noise.chance(0.1)) {
    const bits = is64 ? 64n : 32n;
    value = isSigned ? noise.pick([-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]) : (1n << bits) - 1n;
  }
  if (!isSigned && value < 0n) value = -value;
  if (type === 'enum') value = noise.pick([0n, 1n, 2n, -3n, 9n]);
  switch (wireTypeOf(type)) {
    case FIXED64: {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
      return bytes;
    }
    case FIXED32: {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(Number(BigInt.asUintN(32, value)));
      return bytes;
    }
  }
  if (type === 'sint32' || type === 'sint64')
    return varint(noise, (value << 1n) ^ (value < 0n ? -1n : 0n), options);
  if (options.odd && !is64 && noise.chance(0.3)) {
    // Cut to 32 bits, or with bits above them that don't count.
    const low = BigInt.asUintN(32, value);
    return varint(noise, noise.chance(0.5) ? low : low | (5n << 32n), options);
  }
  return varint(noise, BigInt.asUintN(64, value), options);
}

function varint(noise: Noise, value: bigint, options: NoiseOptions): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  } while (rest > 0n);
  if (options.odd && noise.chance(0.15)) while (bytes.length < 10 && noise.chance(0.6)) bytes.push(128);
  bytes.push(bytes.pop()! & 127);
  return Buffer.from(bytes);
}

/** Parsers take tags of at most five bytes. */
function tag(noise: Noise, number: number, wireType: number, options: NoiseOptions): Buffer {
  const bytes = varint(noise, BigInt(number * 8 + wireType), options);
  return bytes.length <= 5 ? bytes : varint(noise, BigInt(number * 8 + wireType), { ...options, odd: false });
}

function length(noise: Noise, value: number, options: NoiseOptions): Buffer {
  const bytes = varint(noise, BigInt(value), options);
  return bytes.length <= 5 ? bytes : varint(noise, BigInt(value), { ...options, odd: false });
}

function tagged(
  noise: Noise,
  number: number,
  wireType: number,
  value: Buffer,
  options: NoiseOptions,
): Buffer {
  return Buffer.concat([tag(noise, number, wireType, options), value]);
}

function delimited(noise: Noise, body: Buffer, options: NoiseOptions): Buffer {
  return Buffer.concat([length(noise, body.length, options), body]);
}

function lengthField(noise: Noise, number: number, body: Buffer, options: NoiseOptions): Buffer {
  return tagged(noise, number, LEN, delimited(noise, body, options), options);
}

const plain: NoiseOptions = { density: 1, odd: false, extremes: false };

function unknownField(noise: Noise, depth: number): Buffer {
  const number = 5000 + noise.below(3);
  switch (noise.pick([VARINT, FIXED64, FIXED32, LEN, START_GROUP])) {
    case VARINT:
      return tagged(noise, number, VARINT, varint(noise, BigInt(noise.below(1000)), plain), plain);
    case FIXED64:
      return tagged(noise, number, FIXED64, Buffer.alloc(8, 1), plain);
    case FIXED32:
      return tagged(noise, number, FIXED32, Buffer.alloc(4, 1), plain);
    case LEN:
      return lengthField(noise, number, Buffer.from('?!'), plain);
    default:
      return Buffer.concat([
        tag(noise, number, START_GROUP, plain),
        ...(depth > 0 ? [unknownField(noise, depth - 1)] : []),
        tag(noise, number, END_GROUP, plain),
      ]);
  }
}
