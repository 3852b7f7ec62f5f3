/** `npm run build`: emits dist/ with types, for Node 22.20 and later, which doesn't run TypeScript inside node_modules. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package.ts';

const dist = join(packageRoot, 'dist');
rmSync(dist, { recursive: true, force: true });
const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc');
const built = spawnSync(tsc, ['-p', join(packageRoot, 'tsconfig.build.json')], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
chmodSync(join(dist, 'cli', 'main.js'), 0o755);

// tsc rewrites './x.ts' to './x.js' in what runs, not in declarations.
const tsImport = /((?:from|import\() ?['"]\.{1,2}\/[^'"]+)\.ts(?=['"])/g;
for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!path.endsWith('.d.ts')) continue;
  const file = join(dist, path);
  writeFileSync(file, readFileSync(file, 'utf8').replace(tsImport, '$1.js'));
}
