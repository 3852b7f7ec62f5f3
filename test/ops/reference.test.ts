import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test from 'ava';
import { createProgram, withSubcommands } from '../../cli/program.ts';
import { generatedFiles } from '../../scripts/generate.ts';
import { systemClock } from '../../shared/clock.ts';
import { keysOf } from '../../shared/config/keys.ts';
import { configSchema } from '../../shared/config/schema.ts';
import { codes } from '../../shared/errors/codes.ts';
import { LoopDelayMonitor } from '../../shared/loop-delay.ts';
import { processDefinitions, rootDefinitions, workerDefinitions } from '../../shared/metrics/definitions.ts';
import { createProcessMetrics } from '../../shared/metrics/process.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { createWorkerMetrics } from '../../shared/metrics/worker.ts';
import { packageRoot } from '../../shared/package.ts';
import { pages } from '../docs/pages.ts';

const reference = join(packageRoot, 'docs', 'reference');
const read = (name: string): string => readFileSync(join(reference, name), 'utf8');

/** All of the code, but for the list of errors. */
function sources(): string {
  return ['bench', 'cli', 'root', 'shard', 'shared']
    .flatMap((folder) =>
      readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.endsWith('errors/codes.ts'))
        .map((name) => readFileSync(join(packageRoot, folder, name), 'utf8')),
    )
    .join('\n');
}

test('what is generated is current: node scripts/generate.ts', (t) => {
  for (const { path, content } of generatedFiles()) t.is(readFileSync(path, 'utf8'), content, path);
});

test('every error code has a section, and every section a code', (t) => {
  const sections = [...read('errors.md').matchAll(/^## (\S+)$/gm)].map((match) => match[1]);
  t.deepEqual([...sections].sort(), Object.keys(codes).sort());
  const named = [...read('errors.md').matchAll(/`([A-Z]{3,}_[A-Z_]+)`/g)].map((match) => match[1]!);
  t.deepEqual(
    named.filter((code) => !(code in codes)),
    [],
  );
});

test('every metadata key that is read or written has its place on the page', (t) => {
  const names = new Set(
    [...sources().matchAll(/_(?:KEY|TRAILER) = '(regather-[a-z-]+)'/g)].map((match) => match[1]!),
  );
  t.true(names.size >= 7);
  const page = read('metadata.md');
  const told = (name: string): boolean => page.includes(`### ${name}\n`) || page.includes(`| \`${name}\` |`);
  t.deepEqual(
    [...names].filter((name) => !told(name)),
    [],
  );
  const sections = [...page.matchAll(/^### (regather-\S+)$/gm)].map((match) => match[1]!);
  t.deepEqual(
    sections.filter((name) => !names.has(name)),
    [],
  );
});

test('every code is reported by something', (t) => {
  const text = sources();
  t.deepEqual(
    Object.keys(codes).filter((code) => !text.includes(`'${code}'`)),
    [],
  );
});

const definitions = [
  ...Object.values(rootDefinitions),
  ...Object.values(workerDefinitions),
  ...Object.values(processDefinitions),
];

test('every metric that is defined is exported with its labels, and none besides', async (t) => {
  const registry = new MetricRegistry({ nodeMetrics: false });
  const root = createRootMetrics(registry);
  const worker = createWorkerMetrics(registry);
  createProcessMetrics(registry, { version: '1.2.3', kind: 'root' }, new LoopDelayMonitor(systemClock));
  root.method('TopK').answered(0, 0.01);
  root.worker('w0');
  root.tail.method('TopK');
  root.tail.tokens('root');
  worker.method('TopK').finished(0, 0.01);
  const exported = await registry.json();
  t.deepEqual(exported.map((metric) => metric.name).sort(), definitions.map((one) => one.name).sort());
  for (const { name, labels } of definitions) {
    const [sample] = exported.find((metric) => metric.name === name)!.samples;
    const found = Object.keys(sample?.labels ?? {}).filter((label) => label !== 'le');
    t.deepEqual(found.sort(), [...labels].sort(), name);
  }
});

const everyPage = pages().map((path) => ({
  page: relative(packageRoot, path),
  text: readFileSync(path, 'utf8'),
}));

/** What pages name that isn't there, as `page: name`. */
function unknownNames(pattern: RegExp, isKnown: (name: string) => boolean): string[] {
  return everyPage.flatMap(({ page, text }) =>
    [...text.matchAll(pattern)]
      .map((match) => match[1]!)
      .filter((name) => !isKnown(name))
      .map((name) => `${page}: ${name}`),
  );
}

test('no page names a metric that is none', (t) => {
  const known = new Set(
    definitions.flatMap(({ name, type }) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  t.deepEqual(
    unknownNames(/\b(regather_[a-z_]+)\b/g, (name) => known.has(name)),
    [],
  );
});

/** They tell how to run scenarios, whose options are those of `npm run bench`. */
const ofScenarios = /^(docs\/benchmarks|bench\/.*)\.md: /;

test('no page names an option or a command that is none', (t) => {
  const program = createProgram(() => {});
  // The last is npm's.
  const flags = new Set(['--help', '--version', '--omit']);
  for (const command of withSubcommands(program)) {
    for (const option of command.options) flags.add(option.long!);
  }
  const commands = new Set(program.commands.map((command) => command.name()));
  t.deepEqual(
    unknownNames(/`(?:regather [a-z ]*)?(--[a-z-]+)[` =]/g, (flag) => flags.has(flag)).filter(
      (name) => !ofScenarios.test(name),
    ),
    [],
  );
  t.deepEqual(
    unknownNames(/(?:`|^\$? ?|-- )regather ([a-z]+)/gm, (name) => commands.has(name)),
    [],
  );
});

test('no page names a key of the config that is none', (t) => {
  const keys = new Set(
    keysOf(configSchema).flatMap(({ key }) =>
      key.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.')),
    ),
  );
  t.deepEqual(
    unknownNames(
      /`((?:service|root|worker|shards|topology|log|admin)\.[a-z_]+(?:\.[a-z_]+)*)`/g,
      (key) => keys.has(key) || key === 'worker.ts',
    ),
    [],
  );
});
