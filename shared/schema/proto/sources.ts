import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RegatherError } from '../../errors/errors.ts';
import type { Place } from '../plan.ts';
import { wellKnown } from './well-known.ts';

export interface Source {
  /** As import statements name it. */
  readonly name: string;
  /** As people find it. */
  readonly path: string;
  /** latin1: one character per byte. */
  readonly text: string;
}

/** The package's own proto/ folder: beside dist/ when installed, three folders up in a checkout. */
function ownProtos(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const proto = join(folder, 'proto');
    if (existsSync(join(proto, 'regather', 'v1', 'annotations.proto'))) return proto;
    if (dirname(folder) === folder) {
      throw new RegatherError('INTERNAL', `Found no proto/regather/v1 above ${import.meta.url}.`);
    }
  }
}

function readText(path: string): string {
  return readFileSync(path, 'latin1');
}

/** Finds .proto files: in the include dirs, in the main file's own folder, then built in. */
export class Sources {
  readonly #dirs: string[];
  readonly #main: string;

  constructor(main: string, includeDirs: readonly string[]) {
    this.#main = main;
    this.#dirs = [...includeDirs, dirname(main)];
  }

  /** The main file is named from the include dir that it is in, or else by its base name. */
  main(): Source {
    const path = this.#main;
    let text: string;
    try {
      text = readText(path);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : String(error);
      throw new RegatherError('PROTO_INVALID', `Can't read the .proto: ${reason}.`, {
        file: path,
        cause: error,
      });
    }
    for (const dir of this.#dirs) {
      const inside = relative(resolve(dir), resolve(path));
      if (!inside.startsWith('..') && !isAbsolute(inside))
        return { name: inside.split(sep).join('/'), path, text };
    }
    return { name: path, path, text };
  }

  /** `from`: where it is imported. regather/v1 is always our own, so that a stale copy can't lack an annotation. */
  imported(name: string, from: Place): Source {
    // One file must have one name, or its messages would be there twice.
    if (name.includes('\\') || name.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new RegatherError(
        'PROTO_INVALID',
        `Import "${name}" must be a path from an include directory, without "\\", "//", "." and "..".`,
        { ...from, field: name },
      );
    }
    if (name.startsWith('regather/v1/')) {
      const path = join(ownProtos(), ...name.split('/'));
      if (existsSync(path)) return { name, path: name, text: readText(path) };
    }
    for (const dir of this.#dirs) {
      const path = join(dir, ...name.split('/'));
      if (statSync(path, { throwIfNoEntry: false })?.isFile()) return { name, path, text: readText(path) };
    }
    const text = wellKnown.get(name);
    if (text !== undefined) return { name, path: name, text };
    const places = [...new Set(this.#dirs)].map((dir) => `"${dir}"`).join(', ');
    throw new RegatherError('PROTO_INVALID', `Import "${name}" is in none of ${places}, nor built in.`, {
      ...from,
      field: name,
    });
  }
}
