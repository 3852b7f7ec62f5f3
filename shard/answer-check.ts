/**
 * Checks what a handler returned against its type before it is encoded: protobufjs turns `"abc"` for an integer into 0 and drops
 * a bigint without a word, and a wrong answer that looks right is worse than an error.
 */

import type { FieldShape, FieldType, MessageShape } from '../shared/schema/plan.ts';
import { jsonName } from '../shared/schema/proto/names.ts';

/** Says what is wrong, as the rest of "The handler … returned", or undefined. */
export type AnswerCheck = (value: unknown) => string | undefined;

interface CheckedField {
  /** The property that the encoder reads. */
  readonly key: string;
  readonly shape: FieldShape;
  readonly kind: 'one' | 'list' | 'map';
  readonly type: FieldType;
}

/** By message, since messages may contain themselves. */
const known = new WeakMap<MessageShape, readonly CheckedField[]>();

export function answerCheck(shape: MessageShape): AnswerCheck {
  return (value) => {
    if (isObject(value)) return checkMessage(value, shape, 0);
    return `${describe(value)}, expected a ${shape.name}`;
  };
}

function fieldsOf(shape: MessageShape): readonly CheckedField[] {
  let fields = known.get(shape);
  if (fields === undefined) {
    const keys = new Set<string>();
    fields = shape.fields.map((field) => {
      // Two names that come out alike in camelCase: the second keeps its own, as in the codec.
      const property = jsonName(field.name);
      const key = keys.has(property) ? field.name : property;
      keys.add(key);
      return {
        key,
        shape: field,
        kind: field.isMap ? 'map' : field.repeated ? 'list' : 'one',
        type: field.type,
      };
    });
    known.set(shape, fields);
  }
  return fields;
}

/** protobuf's own limit for nesting. */
const deepest = 100;

function checkMessage(value: object, shape: MessageShape, depth: number): string | undefined {
  if (depth > deepest) return `a ${shape.name} nested more than ${deepest} deep`;
  const fields = fieldsOf(shape);
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    const given = (value as Record<string, unknown>)[field.key];
    if (given === undefined || given === null) continue;
    const problem =
      field.kind === 'one' ? checkOne(given, field, shape, depth) : checkMany(given, field, shape, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkMany(
  given: unknown,
  field: CheckedField,
  shape: MessageShape,
  depth: number,
): string | undefined {
  if (field.kind === 'map') {
    if (!isObject(given)) return wrong(given, field, shape, 'an object');
    const value = field.shape.message?.fields.find(({ number }) => number === 2);
    if (value === undefined) return undefined;
    const entry: CheckedField = { key: field.key, shape: value, kind: 'one', type: value.type };
    for (const item of Object.values(given)) {
      const problem = checkOne(item, entry, shape, depth);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (!Array.isArray(given)) return wrong(given, field, shape, 'an array');
  for (let i = 0; i < given.length; i++) {
    const problem = checkOne(given[i], field, shape, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkOne(
  given: unknown,
  field: CheckedField,
  shape: MessageShape,
  depth: number,
): string | undefined {
  switch (field.type) {
    case 'message':
    case 'group':
      if (!isObject(given)) return wrong(given, field, shape, `a ${field.shape.typeName}`);
      return checkMessage(given, field.shape.message!, depth + 1);
    case 'string':
      return typeof given === 'string' ? undefined : wrong(given, field, shape, 'a string');
    case 'double':
    case 'float':
      return typeof given === 'number' ? undefined : wrong(given, field, shape, 'a number');
    case 'bool':
      return typeof given === 'boolean' ? undefined : wrong(given, field, shape, 'a boolean');
    case 'bytes':
      if (given instanceof Uint8Array || typeof given === 'string') return undefined;
      return wrong(given, field, shape, 'a Uint8Array, or base64');
    case 'enum':
      if (typeof given === 'string' || isInt32(given)) return undefined;
      return wrong(given, field, shape, `a name or number of ${field.shape.typeName}`);
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return isInt32(given) ? undefined : wrong(given, field, shape, 'a whole number of 32 bits');
    case 'uint32':
    case 'fixed32':
      if (typeof given === 'number' && given >>> 0 === given) return undefined;
      return wrong(given, field, shape, 'a whole number of 32 bits, not negative');
    default:
      return isInt64(given)
        ? undefined
        : wrong(given, field, shape, 'a safe whole number, or a string of digits');
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInt32(value: unknown): boolean {
  return typeof value === 'number' && (value | 0) === value;
}

function isInt64(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value === 'string') return isDecimal(value);
  // long.js's Long, which protobufjs makes and takes.
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}

function isDecimal(text: string): boolean {
  let at = text.charCodeAt(0) === 45 ? 1 : 0;
  if (at === text.length || text.length > 20) return false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

function wrong(given: unknown, field: CheckedField, shape: MessageShape, expected: string): string {
  return `${describe(given)} for ${shape.name}.${field.key} (${field.type}), expected ${expected}`;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `the bigint ${value}n`;
  if (typeof value === 'object')
    return Array.isArray(value) ? 'an array' : `a ${value.constructor?.name ?? 'object'}`;
  if (typeof value === 'function') return 'a function';
  return String(value);
}
