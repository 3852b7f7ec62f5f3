/** Fills the README: files of examples into the code blocks that name them. `node scripts/readme.ts` writes it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package.ts';

export const readmePath = join(packageRoot, 'README.md');

/** The README as it should be: what stands under `<!-- file: path -->` is that file. */
export function filledReadme(text: string): string {
  return text.replace(
    /(<!-- file: (\S+) -->\n```\w+\n)[^`]*(```)/g,
    (_, head: string, path: string, tail: string) =>
      head + readFileSync(join(packageRoot, path), 'utf8') + tail,
  );
}

if (process.argv[1] === import.meta.filename) {
  const text = readFileSync(readmePath, 'utf8');
  writeFileSync(readmePath, filledReadme(text));
}
