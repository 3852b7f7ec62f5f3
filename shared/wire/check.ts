/**
 * Is this a message of that type? One pass over the bytes that checks the whole structure by the schema: tags, lengths, wire types
 * of known fields, nested messages, groups and packed contents. Unknown fields need to be well-formed only. Text isn't
 * checked to be UTF-8.
 */
import type { FieldShape, MessageShape } from '../schema/plan.ts';
import { WireFault } from './fault.ts';
import {
  END_GROUP,
  FIXED32,
  FIXED64,
  LEN,
  lengthWithin,
  MAX_DEPTH,
  START_GROUP,
  skipValue,
  tagEnd,
  VARINT,
  varintEnd,
  varintLow,
} from './reader.ts';
import { wireTypeOf } from './scalar.ts';

/** Field numbers whose tags take one byte or two: those that `check` knows by heart. */
const SHORT_NUMBERS = 2048;
// What to do at such a tag; 0 leaves it to the long way.
const SKIP_VARINT = 1;
const SKIP_FIXED64 = 2;
const SKIP_FIXED32 = 3;
const SKIP_LEN = 4;

/** A message type, made ready for `check`. */
export class MessageCheck {
  readonly shape: MessageShape;
  /** By tag. */
  readonly actions: Uint8Array;
  readonly fields = new Map<number, FieldCheck>();

  constructor(shape: MessageShape) {
    this.shape = shape;
    let highest = 0;
    for (const { number } of shape.fields) if (number < SHORT_NUMBERS) highest = Math.max(highest, number);
    this.actions = new Uint8Array(Math.max(128, (highest + 1) * 8));
  }
}

class FieldCheck {
  readonly field: FieldShape;
  readonly wireType: number;
  readonly message: MessageCheck | undefined;

  constructor(field: FieldShape, message: MessageCheck | undefined) {
    this.field = field;
    this.wireType = wireTypeOf(field.type);
    this.message = message;
  }
}

/** One MessageCheck per message type, by full name: types may contain themselves. */
export class Checks {
  readonly #byName = new Map<string, MessageCheck>();

  of(shape: MessageShape): MessageCheck {
    const known = this.#byName.get(shape.name);
    if (known !== undefined) return known;
    const made = new MessageCheck(shape);
    this.#byName.set(shape.name, made);
    for (const field of shape.fields) {
      const fieldCheck = new FieldCheck(
        field,
        field.message === undefined ? undefined : this.of(field.message),
      );
      made.fields.set(field.number, fieldCheck);
      if (field.number < SHORT_NUMBERS && fieldCheck.message === undefined) {
        made.actions[(field.number << 3) | fieldCheck.wireType] = actionOf(fieldCheck.wireType);
      }
    }
    return made;
  }
}

function actionOf(wireType: number): number {
  switch (wireType) {
    case VARINT:
      return SKIP_VARINT;
    case FIXED64:
      return SKIP_FIXED64;
    case FIXED32:
      return SKIP_FIXED32;
    case LEN:
      return SKIP_LEN;
    default:
      return 0;
  }
}

/** Where the last value of the field with tag `watched` began in the last `check` that returned; 0: nowhere. */
export let watchedAt = 0;

/**
 * Throws WireFault unless `bytes[pos, end)` is a message of that type. `watched` is the tag (-1: none) of a field of the outermost
 * message.
 */
export function check(
  message: MessageCheck,
  bytes: Uint8Array,
  pos: number,
  end: number,
  watched: number,
  depth: number,
): void {
  const { actions } = message;
  let found = 0;
  while (pos < end) {
    const tag = bytes[pos]!;
    let next = -1;
    switch (tag < 128 ? actions[tag]! : 0) {
      case SKIP_LEN: {
        const length = pos + 1 < end ? bytes[pos + 1]! : 128;
        next = length < 128 ? pos + 2 + length : longEnd(bytes, pos + 1, end);
        if (next > end) next = -1;
        break;
      }
      case SKIP_FIXED64:
        if (pos + 9 <= end) next = pos + 9;
        break;
      case SKIP_FIXED32:
        if (pos + 5 <= end) next = pos + 5;
        break;
      case SKIP_VARINT:
        next = varintEnd(bytes, pos + 1, end);
        break;
    }
    if (next >= 0) {
      if (tag === watched) found = pos + 1;
      pos = next;
      continue;
    }
    // Whatever the short way doesn't know or can't accept, the long way does or explains.
    next = tag < 128 ? -1 : skipTwoByteTag(actions, bytes, pos, end);
    if (next < 0) next = checkField(message, bytes, pos, end, depth);
    if (watched >= 0 && varintLow(bytes, pos) === watched) found = tagEnd(bytes, pos, end);
    pos = next;
  }
  watchedAt = found;
}

/** The position after a field with a tag of two bytes; -1: it isn't one, or not one to skip. */
function skipTwoByteTag(actions: Uint8Array, bytes: Uint8Array, pos: number, end: number): number {
  if (pos + 2 >= end || bytes[pos + 1]! > 127) return -1;
  const tag = (bytes[pos]! & 127) | (bytes[pos + 1]! << 7);
  return tag < actions.length && actions[tag] !== 0 ? skipValue(bytes, pos + 2, end, tag) : -1;
}

/** The position after a length of more than one byte and its content; -1: malformed, or it runs past the end. */
function longEnd(bytes: Uint8Array, pos: number, end: number): number {
  const length = lengthWithin(bytes, pos, end);
  return length < 0 ? -1 : varintEnd(bytes, pos, end) + length;
}

/** Checks the one field at `pos` of a message of that type; the position after it. */
export function checkField(
  message: MessageCheck,
  bytes: Uint8Array,
  pos: number,
  end: number,
  depth: number,
): number {
  const valueAt = tagEnd(bytes, pos, end);
  if (valueAt < 0) throw new WireFault('a malformed tag', message.shape.name, pos);
  const tag = varintLow(bytes, pos);
  const field = message.fields.get(tag >>> 3);
  if (field === undefined) {
    const next = skipValue(bytes, valueAt, end, tag, depth);
    if (next < 0) throw fault(message.shape, undefined, tag, bytes, valueAt, end);
    return next;
  }
  if (field.message !== undefined && (tag & 7) === field.wireType) {
    return checkMessage(field.message, field.field, message.shape, bytes, valueAt, end, tag, depth);
  }
  return checkScalar(message.shape, field.field, bytes, valueAt, end, tag);
}

/**
 * The position after a message or group that is the value at `pos` of `field`. Only the content of a group can't be checked before
 * its end is known.
 */
export function checkMessage(
  message: MessageCheck,
  field: FieldShape,
  parent: MessageShape,
  bytes: Uint8Array,
  pos: number,
  end: number,
  tag: number,
  depth: number,
): number {
  if (depth <= 0)
    throw new WireFault(`more than ${MAX_DEPTH} nested messages`, `${parent.name}.${field.name}`, pos);
  const next = skipValue(bytes, pos, end, tag, depth);
  if (next < 0) throw fault(parent, field, tag, bytes, pos, end);
  if ((tag & 7) === START_GROUP) check(message, bytes, pos, groupBodyEnd(bytes, next, tag), -1, depth - 1);
  else check(message, bytes, varintEnd(bytes, pos, end), next, -1, depth - 1);
  return next;
}

/** Where the body of a group ends whose closing tag ends at `next`. Closing tags may be over-long; only one length fits. */
export function groupBodyEnd(bytes: Uint8Array, next: number, tag: number): number {
  const closing = ((tag & ~7) | END_GROUP) >>> 0;
  for (let size = 1; size < 5; size++) {
    if (tagEnd(bytes, next - size, next) === next && varintLow(bytes, next - size) === closing)
      return next - size;
  }
  return next - 5;
}

/** The position after a scalar value, or after packed ones. */
export function checkScalar(
  parent: MessageShape,
  field: FieldShape,
  bytes: Uint8Array,
  pos: number,
  end: number,
  tag: number,
): number {
  const wireType = wireTypeOf(field.type);
  if ((tag & 7) !== wireType && !((tag & 7) === LEN && field.repeated && wireType !== START_GROUP)) {
    throw new WireFault(
      `wire type ${tag & 7} where ${field.type} has ${wireType}`,
      `${parent.name}.${field.name}`,
      pos,
    );
  }
  const next = skipValue(bytes, pos, end, tag);
  if (next < 0) throw fault(parent, field, tag, bytes, pos, end);
  if ((tag & 7) !== wireType) checkPacked(parent, field, wireType, bytes, varintEnd(bytes, pos, end), next);
  return next;
}

function checkPacked(
  parent: MessageShape,
  field: FieldShape,
  wireType: number,
  bytes: Uint8Array,
  pos: number,
  end: number,
): void {
  const name = `${parent.name}.${field.name}`;
  if (wireType === VARINT) {
    while (pos < end) {
      const next = varintEnd(bytes, pos, end);
      if (next < 0) throw new WireFault('a packed varint that is cut off or too long', name, pos);
      pos = next;
    }
    return;
  }
  const width = wireType === FIXED64 ? 8 : 4;
  if ((end - pos) % width !== 0) {
    throw new WireFault(`${end - pos} bytes of packed ${field.type}, no multiple of ${width}`, name, pos);
  }
}

/** Explains a value that `skipValue` refused. */
function fault(
  parent: MessageShape,
  field: FieldShape | undefined,
  tag: number,
  bytes: Uint8Array,
  pos: number,
  end: number,
): WireFault {
  const name = field === undefined ? `${parent.name}.${tag >>> 3}` : `${parent.name}.${field.name}`;
  switch (tag & 7) {
    case VARINT:
      return new WireFault('a varint that is cut off or too long', name, pos);
    case FIXED64:
    case FIXED32:
      return new WireFault(`${end - pos} bytes where a fixed value needs more`, name, pos);
    case LEN:
      return varintEnd(bytes, pos, end) < 0
        ? new WireFault('a length that is cut off or too long', name, pos)
        : new WireFault('a length that runs past the end', name, pos);
    case START_GROUP:
      return new WireFault('a group that is malformed, unclosed or nested too deeply', name, pos);
    case END_GROUP:
      return new WireFault('the end of a group that was not begun', name, pos);
    default:
      return new WireFault(`wire type ${tag & 7}, which protobuf does not have`, name, pos);
  }
}
