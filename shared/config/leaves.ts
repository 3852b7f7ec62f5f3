/** The kinds of values that a config has. Each says in its own words what it expects. */
import { z } from 'zod';

/** What the reference page, /configz and the loader need to know of a key beside its type. */
export interface KeyMeta {
  readonly description?: string;
  /** Why the default is what it is. */
  readonly why?: string;
  /** Never shown. */
  readonly secret?: boolean;
  /** A file or folder; relative to the config file's folder, or to the working folder if it comes from elsewhere. */
  readonly path?: 'file' | 'folder';
}

/** host:port, with a host name, an IPv4 address or an IPv6 address in brackets. Port 0: any that is free. */
const addressPattern =
  /^(?:\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?):(?:0|[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;

export function address(meta: KeyMeta): z.ZodString {
  const error = 'expected "host:port"';
  return z
    .string({ error })
    .regex(addressPattern, { error })
    .meta({ ...meta });
}

export function text(meta: KeyMeta): z.ZodString {
  const error = 'expected a text that is not empty';
  return z
    .string({ error })
    .min(1, { error })
    .meta({ ...meta });
}

export function file(meta: KeyMeta): z.ZodString {
  const error = 'expected the path of a file';
  return z
    .string({ error })
    .min(1, { error })
    .meta({ path: 'file', ...meta });
}

export function folder(meta: KeyMeta): z.ZodString {
  const error = 'expected the path of a folder';
  return z
    .string({ error })
    .min(1, { error })
    .meta({ path: 'folder', ...meta });
}

export function integer(min: number, max: number, meta: KeyMeta): z.ZodNumber {
  const error = `expected an integer from ${min} to ${max}`;
  return z
    .number({ error })
    .int({ error })
    .min(min, { error })
    .max(max, { error })
    .meta({ ...meta });
}

export function number(min: number, max: number, meta: KeyMeta): z.ZodNumber {
  const error = `expected a number from ${min} to ${max}`;
  return z
    .number({ error })
    .min(min, { error })
    .max(max, { error })
    .meta({ ...meta });
}

export function fraction(meta: KeyMeta): z.ZodNumber {
  return number(0, 1, meta);
}

export function flag(meta: KeyMeta): z.ZodBoolean {
  return z.boolean({ error: 'expected true or false' }).meta({ ...meta });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T, meta: KeyMeta) {
  return z.enum(values, { error: `expected one of ${values.join(', ')}` }).meta({ ...meta });
}

export function list<T extends z.ZodType>(item: T, what: string, meta: KeyMeta): z.ZodArray<T> {
  return z.array(item, { error: `expected a list of ${what}` }).meta({ ...meta });
}

/** Sections by a name that isn't ours to know: of a method, say. */
export function named<T extends z.ZodType>(item: T, what: string, meta: KeyMeta) {
  const error = `expected a section for each ${what}`;
  return z.record(z.string(), item, { error }).meta({ ...meta });
}

export function section<T extends z.ZodRawShape>(shape: T, meta: KeyMeta = {}) {
  const error = (issue: { code?: string | undefined }): string | undefined =>
    issue.code === 'invalid_type' ? `expected a section with ${Object.keys(shape).join(', ')}` : undefined;
  return z.strictObject(shape, { error }).meta({ ...meta });
}
