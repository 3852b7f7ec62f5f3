/**
 * Whether bytes are a message, by its schema: tags, lengths, the wire types of known fields, packed lists, nested messages and groups.
 * What passes can be scanned without further checks of bounds. Strings' UTF-8 isn't looked at. On the hot path of every request:
 * nothing is allocated unless something is wrong.
 */
import type { FieldShape, FieldType, MessageShape } from '../schema/plan.ts';
import { WireFault } from './fault.ts';
import {
  END_GROUP,
  FIXED32,
  FIXED64,
  LEN,
  lengthWithin,
  MAX_DEPTH,
  START_GROUP,
  tagEnd,
  VARINT,
  varintEnd,
  varintLow,
} from './reader.ts';

interface FieldRule {
  readonly field: FieldShape;
  readonly wire: number;
  /** Packed: 0 a varint each, otherwise bytes each; -1: can't be packed. */
  readonly packed: number;
  table: MessageTable | undefined;
}

/** A message's fields by number. */
export interface MessageTable {
  readonly shape: MessageShape;
  readonly low: readonly (FieldRule | undefined)[];
  readonly high: ReadonlyMap<number, FieldRule>;
}

/** Field numbers below this are found by index. */
const lowNumbers = 512;
const tables = new WeakMap<MessageShape, MessageTable>();

/** The same object for the same shape. Keep it where the time of a look-up counts. */
export function messageTable(shape: MessageShape): MessageTable {
  const known = tables.get(shape);
  if (known !== undefined) return known;
  const low: (FieldRule | undefined)[] = [];
  const high = new Map<number, FieldRule>();
  for (const field of shape.fields) {
    const wire = wireTypeOf(field.type);
    const packable = field.repeated && wire !== LEN && wire !== START_GROUP;
    const packed = !packable ? -1 : wire === VARINT ? 0 : wire === FIXED64 ? 8 : 4;
    const rule: FieldRule = { field, wire, packed, table: undefined };
    if (field.number >= lowNumbers) {
      high.set(field.number, rule);
      continue;
    }
    while (low.length <= field.number) low.push(undefined);
    low[field.number] = rule;
  }
  const table: MessageTable = { shape, low, high };
  tables.set(shape, table);
  return table;
}

/** The wire type that a single value of `type` has. */
export function wireTypeOf(type: FieldType): number {
  switch (type) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return FIXED64;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return FIXED32;
    case 'string':
    case 'bytes':
    case 'message':
      return LEN;
    case 'group':
      return START_GROUP;
    default:
      return VARINT;
  }
}

const unknownGroup: MessageTable = {
  shape: { name: 'an unknown group', fields: [] },
  low: [],
  high: new Map(),
};
const wireNames = [
  'a varint',
  '8 bytes',
  'a length',
  'a group',
  'the end of a group',
  '4 bytes',
  'wire type 6',
  'wire type 7',
];

/** Throws WireFault unless `bytes[start, end)`, which must lie within `bytes`, is a message of `shape`. */
export function validateMessage(bytes: Uint8Array, start: number, end: number, shape: MessageShape): void {
  validateTable(bytes, start, end, messageTable(shape));
}

/** `validateMessage` for those who keep the table. */
export function validateTable(bytes: Uint8Array, start: number, end: number, table: MessageTable): void {
  scan(bytes, start, end, table, 0, 0);
}

function fault(reason: string, offset: number, table: MessageTable, rule?: FieldRule): WireFault {
  const message = table.shape.name;
  return new WireFault(reason, rule === undefined ? message : `${message}.${rule.field.name}`, offset);
}

/** Returns where the message ends; for a group, after its end tag. */
function scan(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: MessageTable,
  depth: number,
  group: number,
): number {
  let at = start;
  while (at < end) {
    const tagAt = at;
    let tag = bytes[at]!;
    if (tag < 128 && tag > 7) at++;
    else {
      at = tagEnd(bytes, tagAt, end);
      if (at < 0) throw fault('a tag that is cut off, above 32 bits or of field number 0', tagAt, table);
      tag = varintLow(bytes, tagAt);
    }
    const number = tag >>> 3;
    const wire = tag & 7;
    const rule = number < lowNumbers ? table.low[number] : table.high.get(number);
    if (
      rule !== undefined &&
      wire !== rule.wire &&
      !(wire === LEN && rule.packed >= 0) &&
      wire !== END_GROUP
    ) {
      throw fault(`${wireNames[wire]} where the field has ${wireNames[rule.wire]}`, tagAt, table, rule);
    }
    switch (wire) {
      case VARINT:
        if (at < end && bytes[at]! < 128) at++;
        else {
          at = varintEnd(bytes, at, end);
          if (at < 0) throw fault('a varint that is cut off or longer than ten bytes', tagAt, table, rule);
        }
        break;
      case FIXED64:
        at += 8;
        if (at > end) throw fault(`${end - at + 8} bytes where 8 are due`, tagAt, table, rule);
        break;
      case FIXED32:
        at += 4;
        if (at > end) throw fault(`${end - at + 4} bytes where 4 are due`, tagAt, table, rule);
        break;
      case LEN: {
        const length = lengthWithin(bytes, at, end);
        if (length < 0) throw fault('a length that runs past the end', tagAt, table, rule);
        at = length < 128 && bytes[at]! < 128 ? at + 1 : varintEnd(bytes, at, end);
        const stop = at + length;
        if (rule !== undefined) {
          if (rule.field.type === 'message') {
            if (depth === MAX_DEPTH)
              throw fault(`more than ${MAX_DEPTH} nested messages`, tagAt, table, rule);
            rule.table ??= messageTable(rule.field.message!);
            scan(bytes, at, stop, rule.table, depth + 1, 0);
          } else if (rule.packed >= 0) checkPacked(bytes, at, stop, table, rule);
        }
        at = stop;
        break;
      }
      case START_GROUP: {
        if (depth === MAX_DEPTH) throw fault(`more than ${MAX_DEPTH} nested messages`, tagAt, table, rule);
        let inner = unknownGroup;
        if (rule !== undefined) {
          rule.table ??= messageTable(rule.field.message!);
          inner = rule.table;
        }
        at = scan(bytes, at, end, inner, depth + 1, number);
        break;
      }
      case END_GROUP:
        if (number === group) return at;
        throw fault(`the end of group ${number}, which isn't open`, tagAt, table, rule);
      default:
        throw fault(`${wireNames[wire]}, which there isn't`, tagAt, table, rule);
    }
  }
  if (group !== 0) throw fault(`group ${group} without its end`, at, table);
  return at;
}

function checkPacked(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: MessageTable,
  rule: FieldRule,
): void {
  if (rule.packed > 0) {
    if ((end - start) % rule.packed === 0) return;
    throw fault(
      `a packed list of ${end - start} bytes, not a multiple of ${rule.packed}`,
      start,
      table,
      rule,
    );
  }
  let at = start;
  while (at < end) {
    if (bytes[at]! < 128) {
      at++;
      continue;
    }
    const next = varintEnd(bytes, at, end);
    if (next < 0) throw fault('a packed varint that is cut off or longer than ten bytes', at, table, rule);
    at = next;
  }
}
