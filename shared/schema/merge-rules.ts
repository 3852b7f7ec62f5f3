/** Which merge fits which field, and what to write instead. */
import type { MergeOptions } from './annotations.ts';
import { describe, isFloat, isMessage, isNumber } from './paths.ts';
import type { FieldShape } from './plan.ts';

export const mergeKinds = [
  'sum',
  'min',
  'max',
  'any',
  'all',
  'avg',
  'first',
  'same',
  'concat',
  'union',
  'top',
  'group',
  'map',
  'align',
  'custom',
] as const satisfies readonly (keyof MergeOptions)[];

export type MergeKind = (typeof mergeKinds)[number];

/** What is wrong with the field's type for this kind of merge. */
export function typeRule(kind: MergeKind, field: FieldShape): string | undefined {
  const is = describe(field);
  switch (kind) {
    case 'sum':
      return !field.repeated && isNumber(field)
        ? undefined
        : `sum needs a singular number, and this is ${is}.`;
    case 'min':
    case 'max': {
      const fits =
        isNumber(field) || field.type === 'enum' || field.type === 'string' || field.type === 'bytes';
      if (!field.repeated && fits) return undefined;
      const hint = field.type === 'bool' ? ` Of bools, ${kind === 'min' ? 'all' : 'any'} is the same.` : '';
      return `${kind} needs a singular number, enum, string or bytes, and this is ${is}.${hint}`;
    }
    case 'any':
    case 'all':
      return !field.repeated && field.type === 'bool'
        ? undefined
        : `${kind} needs a singular bool, and this is ${is}.`;
    case 'avg':
      return !field.repeated && isFloat(field)
        ? undefined
        : `avg needs a singular double (or float), and this is ${is}.`;
    case 'first':
    case 'same':
      return field.repeated ? `${kind} needs a singular field, and this is ${is}.` : undefined;
    case 'concat':
    case 'union':
    case 'align':
      if (field.isMap) return `${kind} needs a repeated field, and this is a map: use map = { values: … }.`;
      return field.repeated ? undefined : `${kind} needs a repeated field, and this is ${is}.`;
    case 'top':
    case 'group':
      if (field.isMap) return `${kind} needs repeated messages, and this is a map: use map = { values: … }.`;
      return field.repeated && field.type === 'message'
        ? undefined
        : `${kind} needs repeated messages, and this is ${is}.`;
    case 'map':
      return field.isMap ? undefined : `map needs a map field, and this is ${is}.`;
    case 'custom':
      return undefined;
  }
}

export const zeroText = (field: FieldShape): string =>
  field.type === 'string' ? 'an empty string' : field.type === 'bytes' ? 'empty bytes' : 'a 0';

export const writtenType = (field: FieldShape): string => field.typeName ?? field.type;

export const scalarMerge = (field: FieldShape): MergeKind =>
  isNumber(field) ? 'sum' : field.type === 'bool' ? 'any' : 'first';

/** What to write for a field without a merge. */
export function suggestion(field: FieldShape): string {
  if (field.isMap) return 'Write, for instance, [(regather.v1.merge).map = { values: { sum: {} } }].';
  if (field.repeated && isMessage(field)) {
    return 'Write, for instance, [(regather.v1.merge).concat = {}], or .top = { by: "…" }, .group = { by: "…" } or .union = {}.';
  }
  if (field.repeated) return 'Write, for instance, [(regather.v1.merge).concat = {}] or .union = {}.';
  if (isNumber(field)) return 'Write, for instance, [(regather.v1.merge).sum = {}].';
  if (field.type === 'bool') return 'Write [(regather.v1.merge).any = {}] or .all = {}.';
  return `Write, for instance, "optional" before it and [(regather.v1.merge).same = {}] or .first = {}.`;
}
