import { mergeText } from './merge-text.ts';
import { describe } from './paths.ts';
import type { FieldMerge, MergeSpec, MessageMerge, MethodPlan, ServicePlan, WindowSpec } from './plan.ts';
import { placeText } from './problems.ts';

/** The plan for people: what `regather check` prints. Ends in a line break. */
export function formatPlan(plan: ServicePlan): string {
  const lines = [plan.name];
  for (const method of plan.methods) lines.push('', ...methodLines(method));
  return `${lines.join('\n')}\n`;
}

function methodLines(method: MethodPlan): string[] {
  const { scatter, merge, leaf, kind } = method;
  const again = method.idempotent ? 'may be tried again' : 'is tried once';
  const lines = [`${method.name}  (${kind}, ${again}; ${placeText(method.place)})`];
  const say = (word: string, text: string): void => void lines.push(`  ${word.padEnd(9)} ${text}`);
  say('scatter', scatterText(method));
  if (scatter.to === 'NONE') return lines;
  if (leaf.name !== method.name) say('leaf', `shards are called with ${leaf.name}`);
  const most = method.maxTimeoutMs === undefined ? '' : `, at most ${method.maxTimeoutMs} ms`;
  say('deadline', `${method.timeoutMs} ms if the client gives none${most}`);
  if (scatter.to === 'ALL' || scatter.to === 'SPLIT') say('coverage', coverageText(method));
  say('answer', `at most ${method.maxAnswerBytes} bytes`);
  for (const window of method.windows) say('limit', windowText(window));
  for (const { from, item } of method.orders)
    say('order', `"${from.text}" of the request may name fields of ${item.name}`);
  if (kind === 'server-streaming' && (scatter.to === 'ALL' || scatter.to === 'SPLIT'))
    say('merge', 'items are forwarded whole');
  if (merge === undefined) return lines;
  say('merge', merge.shape.name);
  const rows: Row[] = [];
  addRows(merge, '', rows);
  const wide = (pick: (row: Row) => string): number => Math.max(...rows.map((row) => pick(row).length));
  const [name, type, merged] = [wide((row) => row.name), wide((row) => row.type), wide((row) => row.merge)];
  for (const row of rows) {
    lines.push(
      `    ${row.name.padEnd(name)}  ${row.type.padEnd(type)}  ${row.merge.padEnd(merged)}  ${row.note}`.trimEnd(),
    );
  }
  return lines;
}

function scatterText({ scatter, response }: MethodPlan): string {
  switch (scatter.to) {
    case 'ALL':
      return 'ALL: every shard gets the request';
    case 'KEY':
      return `KEY: the shard that owns "${scatter.key.path.text}" (hashed as ${scatter.key.hashAs}) answers`;
    case 'SPLIT':
      return `SPLIT: each shard gets the "${scatter.key.path.text}" (hashed as ${scatter.key.hashAs}) that it owns`;
    case 'ANY':
      return 'ANY: one replica of any shard answers';
    case 'NONE':
      return `NONE: not served, UNIMPLEMENTED (${response.name})`;
  }
}

function coverageText({ minCoverage, minCoverageFloor, quorum, coverageField }: MethodPlan): string {
  const shards = quorum === 1 ? '1 shard' : `${quorum} shards`;
  let least = `${percent(minCoverage)} of documents or shards, or an error`;
  if (minCoverage === 1) least = 'every shard, or an error';
  if (minCoverage === 0) least = `${shards}, or an error; no more is waited for`;
  else if (quorum !== undefined) least += `; handed over with ${shards}`;
  if (minCoverageFloor < minCoverage) least += `; a request may ask for ${percent(minCoverageFloor)}`;
  return coverageField === undefined ? least : `${least}; told in "${coverageField.name}"`;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(12))} %`;

function windowText({ limit, offset, defaultLimit, maxWindow, shardsGet }: WindowSpec): string {
  const fields = offset === undefined ? `"${limit.text}"` : `"${limit.text}" after "${offset.text}"`;
  const none = defaultLimit === 0 ? 'none: all' : `none: ${defaultLimit}`;
  const shards = shardsGet === 'window' ? 'shards are asked for offset + limit' : 'shards are asked for all';
  return `${fields} of the request, ${none}, at most ${maxWindow} in all; ${shards}`;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly merge: string;
  readonly note: string;
}

function addRows(merge: MessageMerge, indent: string, rows: Row[]): void {
  const digits = String(merge.fields.at(-1)?.field.number ?? '').length;
  for (const field of merge.fields) {
    rows.push({
      name: `${indent}${String(field.field.number).padStart(digits)} ${field.field.name}`,
      type: describe(field.field).replace(/^an? /, ''),
      merge: mergeText(field.spec),
      note: noteOf(field),
    });
    const inside = nested(field.spec);
    if (inside !== undefined) addRows(inside, `${indent}  `, rows);
  }
}

function nested(spec: MergeSpec): MessageMerge | undefined {
  if (spec.kind === 'message') return spec.merge;
  if (spec.kind === 'group') return spec.item;
  return spec.kind === 'map' ? nested(spec.values.spec) : undefined;
}

function noteOf({ spec, free, internal, field }: FieldMerge): string {
  if (spec.kind === 'coverage' || spec.kind === 'key') return '';
  const notes = [free ? 'free' : 'ordered'];
  if (internal) notes.push('internal');
  if (field.oneof !== undefined) notes.push(`oneof ${field.oneof}`);
  return notes.join(', ');
}
