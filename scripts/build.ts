/** `npm run build`: emits dist/ with types, for Node 22.20 and later, which doesn't run TypeScript inside node_modules. */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package.ts';

const dist = join(packageRoot, 'dist');
rmSync(dist, { recursive: true, force: true });
const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc');
const built = spawnSync(tsc, ['-p', join(packageRoot, 'tsconfig.build.json')], { stdio: 'inherit' });
if (built.status === 0) chmodSync(join(dist, 'cli', 'main.js'), 0o755);
process.exit(built.status ?? 1);
