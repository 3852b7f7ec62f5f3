/** The configs on the pages are taken as they stand, with what they leave out filled in; its messages are what the loader says. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { fileTopology } from '../../root/topology/file.ts';
import type { Topology } from '../../root/topology/topology.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { packageRoot } from '../../shared/package.ts';
import { folderWith } from '../ops/process.ts';
import { pages } from './pages.ts';

const examples = pages().flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^```yaml\n([^`]*)^```/gm)].map(([, text], i) => ({
    name: `${relative(packageRoot, page)}, example ${i + 1}`,
    text: text!,
    keys: Object.keys(parse(text!)),
  })),
);

/** What examples of a few keys leave out, and the files that they name. */
const rest = {
  service: 'service: { proto: words.proto }',
  shards: 'shards: { count: 4 }',
};
const files = {
  'worker.ts': '',
  'reducers.ts': '',
  'words.proto': '',
  'search.proto': '',
  'topology.yaml': '',
};

for (const { name, text, keys } of examples.filter(({ keys }) => !keys.includes('workers'))) {
  test(`a config: ${name}`, (t) => {
    const missing = Object.entries(rest).filter(([key]) => !keys.includes(key));
    const yaml = [text, ...missing.map(([, line]) => line)].join('\n');
    const folder = folderWith(t, { ...files, 'regather.yaml': yaml });
    t.notThrows(() => loadConfig(join(folder, 'regather.yaml'), { env: {} }));
  });
}

for (const { name, text } of examples.filter(({ keys }) => keys.includes('workers'))) {
  test(`a topology file: ${name}`, async (t) => {
    const file = join(folderWith(t, { 'topology.yaml': text }), 'topology.yaml');
    const provider = fileTopology({ file, shardCount: 8, virtualShards: 4096 });
    t.teardown(() => provider.stop());
    const topologies: Topology[] = [];
    await provider.start(
      (topology) => topologies.push(topology),
      (error) => t.fail(error.message),
    );
    t.is(topologies[0]?.epoch, 12);
    t.is(topologies[0]?.workers.length, 2);
  });
}

test('there are examples of both', (t) => {
  t.true(examples.length >= 6);
  t.true(examples.some(({ keys }) => keys.includes('workers')));
});

/** The lines that loading this config complains in, without the folder. */
function complaints(t: ExecutionContext, yaml: string, env: Record<string, string> = {}): string[] {
  const folder = folderWith(t, { 'regather.yaml': yaml });
  const error = t.throws(() => loadConfig(join(folder, 'regather.yaml'), { env }));
  return (error?.message ?? '').split('\n').map((line) => line.replace(`${folder}/`, ''));
}

test('the messages on the page of the config are those of the loader', (t) => {
  const page = readFileSync(join(packageRoot, 'docs', 'reference', 'config.md'), 'utf8');
  const told = /^## Errors\n[^`]*```text\n([^`]*)```/m.exec(page)![1]!.trimEnd().split('\n');
  const wrong = complaints(t, '\n\nroot:\n  lisen: x\n  listen: 7000\n', {
    REGATHER_ROOT_LINK_SILENCE_MS: '7x',
  });
  const missing = complaints(t, '\n\n\n\n\nservice:\n  proto: serch.proto\n');
  const said = [...wrong, ...missing];
  for (const line of told) t.true(said.includes(line), `${line}\nis none of\n${said.join('\n')}`);
  t.is(told.length, 4);
});
