/** Where this package is, whether it runs from its sources or from dist/, and its version. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'proto', 'regather', 'v1')) || !existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`proto/regather/v1 is in no folder above ${import.meta.dirname}`);
    folder = parent;
  }
  return folder;
}

/** The folder with package.json and proto/. */
export const packageRoot = findRoot();

export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version;
