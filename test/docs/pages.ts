/** The pages that people read, without those of packages. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package.ts';

export function pages(): string[] {
  const patterns = ['*.md', '{docs,examples,bench,deploy}/**/*.md'];
  return globSync(patterns, { cwd: packageRoot }).map((name) => join(packageRoot, name));
}
