import { RegatherError } from '../errors/errors.ts';
import type { FieldPath, FieldShape, MessageShape, SortKey } from './plan.ts';
import { didYouMean } from './suggest.ts';

/** What a field is, in words: "a repeated message acme.Hit". */
export function describe(field: FieldShape): string {
  if (field.isMap) return 'a map';
  const type = field.typeName === undefined ? field.type : `${field.type} ${field.typeName}`;
  return field.repeated ? `a repeated ${type}` : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

export const isInteger = (field: FieldShape): boolean => /^(u|s)?int|fixed/.test(field.type);
export const isFloat = (field: FieldShape): boolean => field.type === 'double' || field.type === 'float';
export const isNumber = (field: FieldShape): boolean => isInteger(field) || isFloat(field);
export const isMessage = (field: FieldShape): boolean => field.type === 'message' || field.type === 'group';

/** `filter.id`, from `message` through singular messages. The last field may be anything. Returns what is wrong otherwise. */
export function resolvePath(text: string, message: MessageShape): FieldPath | string {
  const fields: FieldShape[] = [];
  let inside = message;
  const parts = text.split('.');
  for (const [i, part] of parts.entries()) {
    const field = inside.fields.find(({ name }) => name === part);
    if (field === undefined) {
      const names = inside.fields.map(({ name }) => name);
      return `names "${text}", but ${inside.name} has no field "${part}".${didYouMean(part, names)}`;
    }
    fields.push(field);
    if (i === parts.length - 1) break;
    if (field.type !== 'message' || field.repeated) {
      return `names "${text}", but "${part}" of ${inside.name} is ${describe(field)}: a path goes through singular messages.`;
    }
    inside = field.message!;
  }
  return { text, fields };
}

export const lastField = (path: FieldPath): FieldShape => path.fields[path.fields.length - 1]!;

/** Paths separated by commas, to singular scalars, none twice. Returns what is wrong otherwise. */
export function resolvePaths(text: string, message: MessageShape): FieldPath[] | string {
  const paths: FieldPath[] = [];
  for (const part of text.split(',')) {
    const path = resolvePath(part.trim(), message);
    if (typeof path === 'string') return path;
    const field = lastField(path);
    if (field.repeated || isMessage(field)) {
      return `names "${path.text}", which is ${describe(field)}: expected a singular scalar.`;
    }
    if (paths.some((other) => other.text === path.text)) return `names "${path.text}" twice.`;
    paths.push(path);
  }
  return paths;
}

/** "score desc, id": as `parseOrder`, but returns what is wrong. */
export function resolveOrder(text: string, item: MessageShape): SortKey[] | string {
  const keys: SortKey[] = [];
  for (const part of text.split(',')) {
    const [name = '', direction = 'asc', ...more] = part.trim().split(/\s+/);
    const way = direction.toLowerCase();
    if (more.length > 0 || (way !== 'asc' && way !== 'desc')) {
      return `says "${part.trim()}": expected a field with "asc" or "desc", separated by commas.`;
    }
    const paths = resolvePaths(name, item);
    if (typeof paths === 'string') return paths;
    const [path] = paths;
    if (keys.some((key) => key.path.text === name)) return `names "${name}" twice.`;
    keys.push({ path: path!, descending: way === 'desc' });
  }
  return keys;
}

/**
 * An order such as "score desc, id" over the fields of `item`: singular scalars, by name or path, each with `asc` (default) or `desc`.
 * For orders that come in requests: throws REQUEST_ORDER.
 */
export function parseOrder(text: string, item: MessageShape): SortKey[] {
  const keys = resolveOrder(text, item);
  if (typeof keys === 'string') throw new RegatherError('REQUEST_ORDER', `The order ${keys}`);
  return keys;
}
