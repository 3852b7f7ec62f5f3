import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext, type ImplementationFn } from 'ava';
import { packageRoot } from '../../shared/package.ts';
import { debianPackages, without } from './debian.ts';

test('.ci/run installs what the suites need, and nothing else', (t) => {
  const script = readFileSync(join(packageRoot, '.ci/run'), 'utf8');
  const installed = /^for package in (.+); do$/m.exec(script)![1]!.split(' ');
  // python3 comes with its modules.
  t.deepEqual(['python3', ...installed].sort(), [...debianPackages].sort());
});

test('a suite without its packages is skipped, and under CI fails', (t) => {
  const declared: string[] = [];
  const declare = Object.assign(
    (title: string, run: ImplementationFn<[]>) => {
      declared.push(title);
      void run({ fail: (why: string) => declared.push(why) } as unknown as ExecutionContext);
    },
    { skip: (title: string) => void declared.push(`skipped ${title}`) },
  );
  const run = () => void declared.push('ran');
  without(declare, [], true)('a', run);
  without(declare, ['openssl'], false)('b', run);
  without(declare, ['openssl', 'prometheus'], true)('c', run);
  t.deepEqual(declared, [
    'a',
    'ran',
    'skipped b',
    'c',
    'missing: openssl, prometheus (.ci/run installs them)',
  ]);
});
