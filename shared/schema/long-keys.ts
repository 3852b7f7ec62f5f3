import type { FieldShape, MessageShape } from './plan.ts';
import { propertyNames } from './property-names.ts';

/** Rewrites a decoded message in place. */
export type Rewrite = (message: Record<string, unknown>) => void;

/**
 * protobufjs decodes a map's 64-bit keys into eight characters, one for each byte, though it encodes from decimal text. This
 * makes them decimal. Undefined if no map with such keys is within the message, so that nobody else pays.
 */
export function decimalKeys(shape: MessageShape): Rewrite | undefined {
  return rewriteOf(shape, new Map());
}

const isLong = (field: FieldShape): boolean => field.type.endsWith('64');

/** Whether such a map is reached from here. `seen` holds the messages on the way, which may contain themselves. */
function reaches(shape: MessageShape, seen: Set<string>): boolean {
  if (seen.has(shape.name)) return false;
  seen.add(shape.name);
  return shape.fields.some(
    (field) =>
      (field.isMap && isLong(field.message!.fields[0]!)) ||
      (field.message !== undefined && reaches(field.message, seen)),
  );
}

function rewriteOf(shape: MessageShape, made: Map<string, Rewrite>): Rewrite | undefined {
  if (!reaches(shape, new Set())) return undefined;
  const before = made.get(shape.name);
  if (before !== undefined) return before;
  const steps: Rewrite[] = [];
  // Registered first: a message that contains itself finds it.
  const rewrite: Rewrite = (message) => {
    for (const step of steps) step(message);
  };
  made.set(shape.name, rewrite);
  const names = propertyNames(shape);
  for (const [i, field] of shape.fields.entries()) {
    const step = stepOf(field, names[i]!, made);
    if (step !== undefined) steps.push(step);
  }
  return rewrite;
}

function stepOf(field: FieldShape, property: string, made: Map<string, Rewrite>): Rewrite | undefined {
  if (!field.isMap) {
    const inner = field.message === undefined ? undefined : rewriteOf(field.message, made);
    if (inner === undefined) return undefined;
    return (message) => {
      const value = message[property];
      if (Array.isArray(value)) for (const item of value) inner(item);
      else if (value !== null && value !== undefined) inner(value as Record<string, unknown>);
    };
  }
  const [key, value] = field.message!.fields;
  const inner = value!.message === undefined ? undefined : rewriteOf(value!.message, made);
  const long = isLong(key!);
  if (!long && inner === undefined) return undefined;
  const unsigned = key!.type === 'uint64' || key!.type === 'fixed64';
  return (message) => {
    const map = message[property] as Record<string, Record<string, unknown>>;
    if (inner !== undefined) for (const name in map) inner(map[name]!);
    if (!long) return;
    const decimal: Record<string, unknown> = {};
    for (const name in map) decimal[keyText(name, unsigned)] = map[name];
    message[property] = decimal;
  };
}

/** Eight bytes, the lowest first. */
function keyText(hash: string, unsigned: boolean): string {
  let value = 0n;
  for (let i = 7; i >= 0; i--) value = (value << 8n) | BigInt(hash.charCodeAt(i));
  return String(unsigned ? value : BigInt.asIntN(64, value));
}
