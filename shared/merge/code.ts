/** Merged messages and their fields, compiled: what a scan goes by and reducers belong to. */
import type { Reducer } from '../reducers/reducer.ts';
import type { FieldMerge, FieldShape, MessageMerge, MessageShape } from '../schema/plan.ts';
import type { MessageCheck } from '../wire/check.ts';
import { wireTypeOf } from '../wire/scalar.ts';
import type { Order } from './order.ts';

/** What a scan keeps of a field. */
export const VALUE = 0; // where the last value begins
export const CHILD = 1; // a scan of the message, all its occurrences together
const SPANS = 2; // the bodies of the occurrences of a message that is copied whole
export const ITEMS = 3; // the bodies of the items
export const RUNS = 4; // ranges of numbers: the content of a packed field, or one value
export const DROPPED = 5; // nothing

interface FieldPlace {
  readonly slot: number;
  readonly oneof: number;
  readonly free: boolean;
  readonly explicit: boolean;
  readonly check: MessageCheck | undefined;
}

/** A field of a merged message, compiled. */
export class FieldCode {
  readonly field: FieldShape;
  readonly merge: FieldMerge;
  /** Position among the message's fields. */
  readonly slot: number;
  /** "Response.total", for errors. */
  readonly name: string;
  readonly wireType: number;
  readonly tag: number;
  readonly scanAs: number;
  readonly free: boolean;
  readonly explicit: boolean;
  /** Index into `MessageCode.oneofs`, or -1. */
  readonly oneof: number;
  /** Of messages. */
  readonly check: MessageCheck | undefined;
  /** CHILD. */
  child: MessageCode | undefined;
  /** ITEMS of a `top`: what they rank by. */
  order: Order | undefined;
  /** Set once, right after all fields of the message are there. */
  reducer!: Reducer;

  constructor(shape: MessageShape, merge: FieldMerge, place: FieldPlace) {
    const { field } = merge;
    this.field = field;
    this.merge = merge;
    this.slot = place.slot;
    this.name = `${shape.name}.${field.name}`;
    this.wireType = wireTypeOf(field.type);
    this.tag = ((field.number << 3) | this.wireType) >>> 0;
    this.scanAs = scanAs(merge);
    this.free = place.free;
    this.explicit = place.explicit;
    this.oneof = place.oneof;
    this.check = place.check;
    this.child = undefined;
    this.order = undefined;
  }
}

function scanAs({ field, spec }: FieldMerge): number {
  if (spec.kind === 'avg' || spec.kind === 'coverage') return DROPPED;
  const isMessage = field.type === 'message' || field.type === 'group';
  if (field.repeated) return isMessage || field.type === 'string' || field.type === 'bytes' ? ITEMS : RUNS;
  if (!isMessage) return VALUE;
  return spec.kind === 'message' ? CHILD : SPANS;
}

export class OneofCode {
  readonly name: string;
  /** Every member merges by `first`: then the lowest shard that has any of them decides. */
  allFirst = true;

  constructor(name: string) {
    this.name = name;
  }
}

const SMALL_NUMBERS = 256;

/** A merged message, compiled. */
export class MessageCode {
  readonly shape: MessageShape;
  /** Ascending by number. */
  readonly fields: FieldCode[] = [];
  readonly oneofs: OneofCode[] = [];
  readonly check: MessageCheck;
  /** Some field in it, however deep, is left out of final answers. */
  readonly hasInternal: boolean;
  readonly #small = new Int16Array(SMALL_NUMBERS).fill(-1);
  readonly #large = new Map<number, number>();
  /** A fresh `Scan.at`. */
  readonly blank: number[] = [];

  constructor(merge: MessageMerge, check: MessageCheck, hasInternal: boolean) {
    this.shape = merge.shape;
    this.check = check;
    this.hasInternal = hasInternal;
  }

  add(field: FieldCode): void {
    this.fields.push(field);
    this.blank.push(0);
    if (field.field.number < SMALL_NUMBERS) this.#small[field.field.number] = field.slot;
    else this.#large.set(field.field.number, field.slot);
  }

  /** -1: the schema doesn't know the number. */
  slotOf(number: number): number {
    return number < SMALL_NUMBERS ? this.#small[number]! : (this.#large.get(number) ?? -1);
  }
}
