/**
 * Writes what is generated into docs/reference: config.schema.json, and the parts of pages between `<!-- generated: name -->` and
 * `<!-- end -->`: `node scripts/generate.ts`. A test fails when a page is behind the code.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { createProgram } from '../cli/program.ts';
import { adminRoutes } from '../shared/admin/routes.ts';
import { keysOf } from '../shared/config/keys.ts';
import { configSchema } from '../shared/config/schema.ts';
import { codes } from '../shared/errors/codes.ts';
import { statusName } from '../shared/errors/status-names.ts';
import {
  type MetricDefinition,
  processDefinitions,
  rootDefinitions,
  workerDefinitions,
} from '../shared/metrics/definitions.ts';

const folder = join(import.meta.dirname, '..', 'docs', 'reference');

export interface GeneratedFile {
  readonly path: string;
  /** As it should be. */
  readonly content: string;
}

/** Every file that is generated in whole or in part. */
export function generatedFiles(): GeneratedFile[] {
  return [
    { path: join(folder, 'config.schema.json'), content: configJsonSchema() },
    page('config.md', { keys: configTable() }),
    page('metrics.md', {
      root: metricsTable(rootDefinitions),
      worker: metricsTable(workerDefinitions),
      process: metricsTable(processDefinitions),
    }),
    page('admin.md', { routes: routesTable() }),
    page('errors.md', { codes: codesTable() }),
    page('cli.md', commandPages()),
  ];
}

function page(name: string, parts: Readonly<Record<string, string>>): GeneratedFile {
  const path = join(folder, name);
  let content = readFileSync(path, 'utf8');
  for (const [part, text] of Object.entries(parts)) {
    const begin = `<!-- generated: ${part} -->\n`;
    const from = content.indexOf(begin);
    const to = content.indexOf('<!-- end -->', from);
    if (from < 0 || to < 0) throw new Error(`${name} lacks "${begin.trim()}" … "<!-- end -->"`);
    content = `${content.slice(0, from + begin.length)}${text}\n${content.slice(to)}`;
  }
  return { path, content };
}

function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const known = jsonSchema as Record<string, unknown>;
      if (typeof known.why === 'string') known.description = `${known.description} Default: ${known.why}`;
      for (const key of ['why', 'path', 'secret']) delete known[key];
    },
  });
  return `${JSON.stringify({ title: 'Regather config', ...schema }, null, 2)}\n`;
}

function configTable(): string {
  // Sections by name repeat what is told of another.
  const listed = keysOf(configSchema).filter(({ path }) => !path.includes('*'));
  const rows = listed.map(({ key, type, meta, default: fallback, required }) => {
    const value = fallback === undefined ? (required ? 'required' : '') : `\`${JSON.stringify(fallback)}\``;
    return `| \`${key}\` | ${type} | ${value} | ${cell(meta.description)} | ${cell(meta.why)} |`;
  });
  return [
    '| key | type | default | what it is | why that default |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function metricsTable(definitions: Readonly<Record<string, MetricDefinition>>): string {
  const rows = Object.values(definitions).map(({ name, type, labels, help }) => {
    const text = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${text} | ${cell(help)} |`;
  });
  return ['| metric | type | labels | what it counts |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function routesTable(): string {
  const rows = adminRoutes.map(
    ({ method, path, about, guarded }) =>
      `| \`${method} ${path}\` | ${cell(about)} | ${guarded ? 'yes' : ''} |`,
  );
  return ['| route | what it does | token |', '| --- | --- | --- |', ...rows].join('\n');
}

function codesTable(): string {
  const rows = Object.entries(codes).map(
    ([code, { exit, grpc, title }]) =>
      `| [\`${code}\`](#${code.toLowerCase()}) | ${statusName(grpc)} | ${exit} | ${cell(title)} |`,
  );
  return ['| code | gRPC status | exit code | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function commandPages(): Record<string, string> {
  const program = createProgram(() => {});
  const help = (command: typeof program): string => {
    command.configureHelp({ helpWidth: 110 });
    return `\`\`\`text\n${command.helpInformation().trimEnd()}\n\`\`\``;
  };
  const pages: Record<string, string> = { regather: help(program) };
  const add = (command: typeof program, name: string): void => {
    pages[name] = help(command);
    for (const below of command.commands) add(below, `${name} ${below.name()}`);
  };
  for (const command of program.commands) add(command, command.name());
  return pages;
}

function cell(text: string | undefined): string {
  return (text ?? '').replaceAll('|', '\\|');
}

if (import.meta.main) {
  for (const { path, content } of generatedFiles()) writeFileSync(path, content);
}
