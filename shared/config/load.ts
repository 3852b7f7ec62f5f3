/** Reads a config: defaults < file < environment < flags, each value with where it came from. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { ErrorCode } from '../errors/codes.ts';
import { RegatherError } from '../errors/errors.ts';
import { didYouMean } from '../schema/suggest.ts';
import { type ConfigKey, environmentName, isRepeated, keysOf } from './keys.ts';
import { type Problem, problemsError } from './problems.ts';
import { type BrokenRule, brokenRules } from './rules.ts';
import { type Config, configSchema } from './schema.ts';
import { schemaProblems } from './schema-problems.ts';
import { type KeyPath, parseYaml, type YamlDocument } from './yaml-document.ts';

/** A value from the command line; a text is read as the environment's are. */
export interface ConfigFlag {
  /** "root.listen" */
  readonly key: string;
  readonly value: unknown;
  /** As it was written, for messages: "--listen". */
  readonly flag: string;
  /** A section that it takes the place of: what the file and the environment say in it doesn't count. */
  readonly replaces?: string;
}

export interface LoadOptions {
  /** Default: `process.env`. Variables are named `REGATHER_ROOT_LISTEN`; empty ones count as absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly ConfigFlag[];
  /** What paths in the environment and in flags are relative to. Default: the working folder. */
  readonly cwd?: string;
}

export interface LoadedConfig {
  /** As it was named. */
  readonly file: string;
  /** The config file's folder, absolute. */
  readonly folder: string;
  /** With defaults; paths are absolute. */
  readonly config: Config;
  /** By key: "default", "regather.yaml:7", "REGATHER_ROOT_LISTEN", "--listen". */
  readonly sources: ReadonlyMap<string, string>;
  /** An error about this key that says where the key stands. */
  error(key: string, message: string, code?: ErrorCode): RegatherError;
  /** One error for several, a line each. At least one. */
  errors(problems: readonly BrokenRule[], code?: ErrorCode): RegatherError;
}

/** Throws RegatherError CONFIG_INVALID with a line for each problem. */
export function loadConfig(file: string, options: LoadOptions = {}): LoadedConfig {
  const { env = process.env, flags = [], cwd = process.cwd() } = options;
  const document = parseYaml(readText(file), file);
  const folder = dirname(resolve(cwd, file));
  const keys = keysOf(configSchema).filter((key) => !isRepeated(key));
  const value: unknown = structuredClone(document.value);
  const overlay = new Map<string, string>();

  for (const key of keys) {
    const name = environmentName(key.key);
    const text = env[name];
    if (text === undefined || text === '') continue;
    setIn(value, key.path, fromText(key, text));
    overlay.set(key.key, name);
  }
  for (const { replaces } of flags) {
    if (replaces !== undefined && typeof value === 'object' && value !== null)
      Reflect.deleteProperty(value, replaces);
  }
  for (const { key: name, value: given, flag } of flags) {
    const key = keys.find((one) => one.key === name);
    if (key === undefined) throw unknownFlagKey(name, flag, keys);
    setIn(value, key.path, typeof given === 'string' ? fromText(key, given) : given);
    overlay.set(name, flag);
  }

  const place = placeOf(document, overlay);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    throw problemsError('CONFIG_INVALID', schemaProblems(parsed.error.issues, value, configSchema, place));
  }
  const config = parsed.data;
  const sources = sourcesOf(keys, config, document, overlay);
  const problems = brokenRules(config).map(({ key, message }) => problem(place, key, message));
  problems.push(...resolvePaths(config, keys, overlay, folder, cwd, place));
  if (problems.length > 0) throw problemsError('CONFIG_INVALID', problems);
  return {
    file,
    folder,
    config,
    sources,
    error: (key, message, code = 'CONFIG_INVALID') => problemsError(code, [problem(place, key, message)]),
    errors: (broken, code = 'CONFIG_INVALID') =>
      problemsError(
        code,
        broken.map(({ key, message }) => problem(place, key, message)),
      ),
  };
}

/** Where a path's value was written. */
export type PlaceOf = (path: KeyPath) => { readonly file: string; readonly line?: number };

function placeOf(document: YamlDocument, overlay: ReadonlyMap<string, string>): PlaceOf {
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const from = overlay.get(path.slice(0, length).join('.'));
      if (from !== undefined) return { file: from };
    }
    const line = document.lineOf(path);
    return line === undefined ? { file: document.file } : { file: document.file, line };
  };
}

function problem(place: PlaceOf, key: string, message: string): Problem {
  return { ...place(toPath(key)), key, message };
}

/** "topology.static.workers.0.id" → its steps. */
function toPath(key: string): (string | number)[] {
  return key.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RegatherError('CONFIG_INVALID', `expected a config file, ${reason(error)}`, {
      file,
      cause: error,
    });
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'got no such file';
  if (code === 'EISDIR') return 'got a folder';
  if (code === 'EACCES') return 'got one that may not be read';
  return `got ${error instanceof Error ? error.message : String(error)}`;
}

function fromText(key: ConfigKey, text: string): unknown {
  if (key.verbatim) return text;
  try {
    // "0,1,2" is how people write a list where there are no brackets.
    return parse(key.type === 'list' && !text.trimStart().startsWith('[') ? `[${text}]` : text);
  } catch {
    return text;
  }
}

function setIn(target: unknown, path: readonly string[], value: unknown): void {
  let at = target;
  for (let i = 0; i < path.length; i++) {
    // A text where a section should be: the schema will say so.
    if (typeof at !== 'object' || at === null) return;
    const step = at as Record<string, unknown>;
    const name = path[i]!;
    if (i === path.length - 1) step[name] = value;
    else step[name] ??= {};
    at = step[name];
  }
}

export function getIn(target: unknown, path: KeyPath): unknown {
  let at = target;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

function sourcesOf(
  keys: readonly ConfigKey[],
  config: Config,
  document: YamlDocument,
  overlay: ReadonlyMap<string, string>,
): Map<string, string> {
  const sources = new Map<string, string>();
  for (const { key, path } of keys) {
    if (getIn(config, path) === undefined) continue;
    const written = getIn(document.value, path) !== undefined;
    const line = written ? document.lineOf(path) : undefined;
    const inFile = line === undefined ? document.file : `${document.file}:${line}`;
    sources.set(key, overlay.get(key) ?? (written ? inFile : 'default'));
  }
  return sources;
}

/** Makes the paths absolute, in place, and finds those where nothing is. */
function resolvePaths(
  config: Config,
  keys: readonly ConfigKey[],
  overlay: ReadonlyMap<string, string>,
  folder: string,
  cwd: string,
  place: PlaceOf,
): Problem[] {
  const problems: Problem[] = [];
  const check = (path: KeyPath, kind: 'file' | 'folder', base: string): void => {
    const given = getIn(config, path);
    if (typeof given !== 'string') return;
    const absolute = resolve(base, given);
    const key = path.join('.');
    const stat = statSync(absolute, { throwIfNoEntry: false });
    if (stat === undefined) {
      problems.push(problem(place, key, `expected a ${kind}, no such ${kind} "${given}"`));
    } else if (stat.isDirectory() !== (kind === 'folder')) {
      problems.push(problem(place, key, `expected a ${kind}, "${given}" is none`));
    }
    const parent = getIn(config, path.slice(0, -1)) as Record<string | number, unknown>;
    parent[path[path.length - 1]!] = absolute;
  };
  for (const key of keys) {
    const base = overlay.has(key.key) ? cwd : folder;
    if (key.meta.path !== undefined) check(key.path, key.meta.path, base);
    else if (key.key === 'service.include') {
      for (let i = 0; i < config.service.include.length; i++) check([...key.path, i], 'folder', base);
    }
  }
  return problems;
}

function unknownFlagKey(name: string, flag: string, keys: readonly ConfigKey[]): RegatherError {
  const names = keys.map((key) => key.key);
  return problemsError('CONFIG_INVALID', [
    {
      file: flag,
      key: '',
      message: `expected a key of the config, got "${name}".${didYouMean(name, names)}`,
    },
  ]);
}
