import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createProgram, withSubcommands } from '../../cli/program.ts';
import { generatedFiles } from '../../scripts/generate.ts';
import { systemClock } from '../../shared/clock.ts';
import { codes } from '../../shared/errors/codes.ts';
import { LoopDelayMonitor } from '../../shared/loop-delay.ts';
import { processDefinitions, rootDefinitions, workerDefinitions } from '../../shared/metrics/definitions.ts';
import { createProcessMetrics } from '../../shared/metrics/process.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { createWorkerMetrics } from '../../shared/metrics/worker.ts';

const repository = join(import.meta.dirname, '..', '..');
const reference = join(repository, 'docs', 'reference');
const read = (name: string): string => readFileSync(join(reference, name), 'utf8');

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

test('every code is reported by something', (t) => {
  const source = ['bench', 'cli', 'root', 'shard', 'shared'].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('errors/codes.ts'))
      .map((name) => readFileSync(join(repository, folder, name), 'utf8')),
  );
  const text = source.join('\n');
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

test('no page names a metric that is none', (t) => {
  const known = new Set(
    definitions.flatMap(({ name, type }) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  for (const page of readdirSync(reference).filter((name) => name.endsWith('.md'))) {
    for (const [name] of read(page).matchAll(/\bregather_[a-z_]+\b/g))
      t.true(known.has(name), `${page}: ${name}`);
  }
});

test('no page names an option or a command that is none', (t) => {
  const program = createProgram(() => {});
  const flags = new Set(['--help', '--version']);
  for (const command of withSubcommands(program)) {
    for (const option of command.options) flags.add(option.long!);
  }
  const commands = new Set(program.commands.map((command) => command.name()));
  for (const page of ['cli.md', 'config.md', 'admin.md', 'metrics.md']) {
    for (const [, flag] of read(page).matchAll(/`(--[a-z-]+)[` =]/g))
      t.true(flags.has(flag!), `${page}: ${flag}`);
    for (const [, name] of read(page).matchAll(/`regather ([a-z]+)/g))
      t.true(commands.has(name!), `${page}: ${name}`);
  }
});
