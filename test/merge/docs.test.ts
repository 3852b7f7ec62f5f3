import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const docs = new URL('../../docs/', import.meta.url);
const shared = new URL('../../shared/', import.meta.url);

test('the code of the guide runs as it stands, and its reducer keeps its laws', async (t) => {
  const guide = readFileSync(new URL('guides/write-a-reducer.md', docs), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)];
  t.deepEqual(
    blocks.map(([, name]) => name),
    ['reducers.ts', 'reducers.test.ts'],
  );
  const folder = mkdtempSync(join(tmpdir(), 'regather-guide-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const lawKit = new URL('reducers/law-kit.ts', shared).href;
    for (const [, name, code] of blocks)
      writeFileSync(join(folder, name!), code!.replaceAll("'regather'", `'${lawKit}'`));
    const { stderr } = await promisify(execFile)(process.execPath, [join(folder, 'reducers.test.ts')]);
    t.is(stderr, '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the reference has every merge of the annotations', (t) => {
  const reference = readFileSync(new URL('reference/reducers.md', docs), 'utf8');
  const annotations = readFileSync(
    new URL('../../proto/regather/v1/annotations.proto', import.meta.url),
    'utf8',
  );
  const kinds = annotations.match(/oneof kind \{([^}]*)\}/)![1]!;
  const names = [...kinds.matchAll(/ (\w+) = \d+;/g)].map(([, name]) => name!);
  t.true(names.length >= 15);
  const rows = reference.split('\n').filter((line) => line.startsWith('| `'));
  for (const name of names)
    t.true(
      rows.some((row) => row.split('|')[1]!.includes(`\`${name}\``)),
      name,
    );
});
