/** The tables of reasons on the pages have the reasons that there are, each once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { reasons } from '../../root/explain/verdict.ts';
import { notHedged } from '../../shared/metrics/root-tail.ts';
import { packageRoot } from '../../shared/package.ts';

/** What stands in code in the first column of the table under this head. */
function firstColumn(page: string, head: string): string[] {
  const text = readFileSync(join(packageRoot, 'docs', 'guides', page), 'utf8');
  const [, table] = new RegExp(`^\\| ${head} \\|.*\\n((?:\\|.*\\n)+)`, 'm').exec(text) ?? [];
  return [...(table ?? '').matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!),
  );
}

test('explain.md says of each reason not to hedge what it means', (t) => {
  t.deepEqual(firstColumn('explain.md', '`not_hedged`').sort(), Object.keys(reasons).sort());
});

test('tail-latency.md says of each reason that is counted what to do', (t) => {
  t.deepEqual(firstColumn('tail-latency.md', 'reason').sort(), [...notHedged].sort());
});
