/** The keys of a config as a flat list, read off its schema: for environment variables, /configz and the reference page. */
import type { z } from 'zod';
import type { KeyMeta } from './leaves.ts';

export interface ConfigKey {
  /** "root.link.silence_ms"; inside a list "topology.static.workers[].id", in sections by name "root.methods.*.hedge.enabled". */
  readonly key: string;
  readonly path: readonly string[];
  readonly meta: KeyMeta;
  /** "text", "integer", "number", "true or false", "list", "sections by name", or the values of an enum. */
  readonly type: string;
  /** The text in the environment or after a flag is the value as it stands. */
  readonly verbatim: boolean;
  readonly default: unknown;
  readonly required: boolean;
}

interface Unwrapped {
  readonly schema: z.ZodType;
  readonly meta: KeyMeta;
  readonly default: unknown;
  readonly required: boolean;
}

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
}

function defOf(schema: z.ZodType): Def {
  return schema.def as unknown as Def;
}

function unwrap(schema: z.ZodType): Unwrapped {
  let current = schema;
  let required = true;
  let fallback: unknown;
  let meta = (current.meta() ?? {}) as KeyMeta;
  for (;;) {
    const def = defOf(current);
    if (def.innerType === undefined) return { schema: current, meta, default: fallback, required };
    required = false;
    if (def.type === 'default') fallback = def.defaultValue;
    current = def.innerType;
    meta = { ...((current.meta() ?? {}) as KeyMeta), ...meta };
  }
}

/** Every leaf, in the order of the schema, with what is inside lists and sections by name. */
export function keysOf(schema: z.ZodType, path: readonly string[] = [], inList = ''): ConfigKey[] {
  const { schema: inner, meta, default: fallback, required } = unwrap(schema);
  const def = defOf(inner);
  if (def.shape !== undefined) {
    return Object.entries(def.shape).flatMap(([name, child]) => keysOf(child, [...path, name], inList));
  }
  const key = path.join('.').replace(inList, inList === '' ? '' : `${inList}[]`);
  const leaf: ConfigKey = {
    key,
    path,
    meta,
    type: typeText(inner),
    verbatim: def.type === 'string' || def.type === 'enum',
    default: fallback,
    required,
  };
  if (def.valueType !== undefined) return [leaf, ...keysOf(def.valueType, [...path, '*'], inList)];
  const element = def.element === undefined ? undefined : unwrap(def.element).schema;
  if (element === undefined || defOf(element).shape === undefined) return [leaf];
  return [leaf, ...keysOf(element, path, path.join('.'))];
}

function typeText(schema: z.ZodType): string {
  const def = defOf(schema);
  switch (def.type) {
    case 'string':
      return 'text';
    case 'number':
      return (schema as z.ZodNumber).isInt ? 'integer' : 'number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'list';
    case 'record':
      return 'sections by name';
    case 'enum':
      return Object.values(def.entries ?? {}).join(', ');
    default:
      return def.type;
  }
}

/** "root.link.silence_ms" → "REGATHER_ROOT_LINK_SILENCE_MS". */
export function environmentName(key: string): string {
  return `REGATHER_${key.toUpperCase().replaceAll('.', '_')}`;
}

/** It has as many values as its list has items, or its sections have names. */
export function isRepeated(key: ConfigKey): boolean {
  return key.key.includes('[]') || key.path.includes('*');
}
