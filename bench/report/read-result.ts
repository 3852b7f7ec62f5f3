/** Reads files of results, and says what is wrong with a broken one: the file and the key. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { LoadRun } from '../load/run.ts';
import { decodeHistogram } from './histogram.ts';
import type { Report } from './report.ts';

/** A load run, or what a scenario measured. */
export type Result =
  | { readonly kind: 'load'; readonly run: LoadRun }
  | { readonly kind: 'scenario'; readonly report: Report };

const text = z.string({ error: 'expected text' });
const number = z.number({ error: 'expected a number' });
const fromZero = z
  .number({ error: 'expected a number of 0 or more' })
  .min(0, { error: 'expected a number of 0 or more' });
const count = z
  .int({ error: 'expected a whole number of 0 or more' })
  .min(0, { error: 'expected a whole number of 0 or more' });
const list = <T extends z.ZodType>(of: T) => z.array(of, { error: 'expected a list' });
const section = <T extends z.ZodRawShape>(shape: T) => z.object(shape, { error: 'expected an object' });
const oneOf = <T extends readonly string[]>(names: T) =>
  z.enum(names, { error: `expected ${names.map((name) => `"${name}"`).join(' or ')}` });

const histogram = text.refine(decodes, {
  error: 'expected a histogram (HdrHistogram V2, compressed, base64)',
});

export const machine = section({
  cpu: text,
  cores: count,
  memoryGib: fromZero,
  os: text,
  node: text,
  grpcJs: text,
  loadBefore: fromZero,
});

const options = z.record(z.string(), z.union([number, text, list(text)]), {
  error: 'expected an object of numbers and texts',
});

const block = section({
  startMs: number,
  durationMs: fromZero,
  phase: count,
  scheduled: count,
  ok: count,
  errors: z.record(z.string(), count, { error: 'expected an object of counts' }),
  dropped: count,
  unfinished: count,
  partial: count,
  shardsExpected: count,
  shardsAnswered: count,
  latency: histogram,
  lateness: histogram,
});

const loadRun = section({
  kind: z.literal('load'),
  version: z.literal(1, { error: 'expected version 1' }),
  name: text,
  machine,
  at: text,
  target: section({ address: text, method: text }),
  loop: oneOf(['open', 'closed']),
  options,
  void: list(text),
  interrupted: z.boolean({ error: 'expected true or false' }),
  phases: list(
    section({ name: text, startMs: number, durationMs: fromZero, offeredPerSecond: fromZero }),
  ).nonempty({ error: 'expected at least one phase' }),
  blocks: list(block),
  faults: list(section({ label: text, startMs: number, endMs: number })),
}).superRefine((run, context) => {
  for (const [i, one] of run.blocks.entries()) {
    const problem = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: ['blocks', i, key], message, input: one });
    if (one.phase >= run.phases.length)
      problem('phase', `expected one of ${run.phases.length} phases, got ${one.phase}`);
    const failed = Object.values(one.errors).reduce((sum, n) => sum + n, 0);
    const counted = one.ok + failed + one.dropped + one.unfinished;
    if (counted !== one.scheduled) {
      problem(
        'scheduled',
        `expected what became of its requests to add up to ${one.scheduled}, got ${counted}`,
      );
    }
    if (one.durationMs === 0 && one.scheduled > 0)
      problem('durationMs', 'expected a block with requests to take time, got 0');
  }
});

const measured = section({
  arm: text,
  condition: text,
  metric: text,
  unit: text,
  samples: list(number).nonempty({ error: 'expected at least one sample' }),
  ratio: number.optional(),
});

const scenarioReport = z.looseObject({
  scenario: text,
  claim: text,
  baseline: text,
  machine,
  at: text,
  smoke: z.boolean({ error: 'expected true or false' }),
  options,
  measured: list(measured),
  headline: list(section({ condition: text, metric: text })),
  targets: list(
    z.looseObject({
      text,
      // JSON has no NaN: what was not measured comes as null.
      value: z.union([number, z.null()], { error: 'expected a number' }),
      bound: number,
      direction: oneOf(['at most', 'at least']),
    }),
  ),
  notes: list(text),
  distributions: list(section({ arm: text, condition: text, histogram })).optional(),
  curves: list(
    section({
      condition: text,
      name: text,
      like: text.optional(),
      steps: list(z.tuple([number, number], { error: 'expected a pair of numbers' })).nonempty({
        error: 'expected at least one step',
      }),
    }),
  ).optional(),
});

/** Throws RESULT_INVALID, naming the file and the key, for what is no result or a broken one. */
export function readResult(file: string): Result {
  const value = readJson(file);
  if (typeof value === 'object' && value !== null) {
    if ('kind' in value && value.kind === 'load') {
      return { kind: 'load', run: checked(file, value, loadRun) as LoadRun };
    }
    if ('scenario' in value)
      return { kind: 'scenario', report: checked(file, value, scenarioReport) as unknown as Report };
  }
  throw invalid(file, 'expected a load run ("kind": "load") or a scenario\'s report ("scenario": …)');
}

export function readLoadRun(file: string): LoadRun {
  const result = readResult(file);
  if (result.kind !== 'load')
    throw invalid(file, `expected a load run, got a report of scenario "${result.report.scenario}"`);
  return result.run;
}

export function readScenarioReport(file: string): Report {
  const result = readResult(file);
  if (result.kind !== 'scenario')
    throw invalid(file, `expected a scenario's report, got the load run "${result.run.name}"`);
  return result.report;
}

/** Throws RESULT_INVALID where it can't be read or is none. */
export function readJson(file: string): unknown {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(code);
    throw invalid(file, `can't be read: ${why}`, error);
  }
  try {
    return JSON.parse(content);
  } catch (error) {
    throw invalid(file, `expected JSON: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** Throws RESULT_INVALID for the first thing that the schema doesn't allow. */
export function checked(file: string, value: unknown, schema: z.ZodType): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first, ...rest] = parsed.error.issues;
  const key = keyOf(first!.path);
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
  throw new RegatherError('RESULT_INVALID', `${key}: ${first!.message}${foundAt(value, first!)}${more}`, {
    file,
    field: key,
  });
}

/** blocks[3].ok */
function keyOf(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${String(step)}`))
    .join('');
}

/** What stands there instead, unless the message says so itself. */
function foundAt(value: unknown, issue: z.core.$ZodIssue): string {
  if (issue.message.includes(', got ')) return '';
  let at = value;
  for (const step of issue.path)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined;
  if (at === undefined) return ', got nothing';
  const shown = JSON.stringify(at);
  return `, got ${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}`;
}

function decodes(encoded: string): boolean {
  try {
    decodeHistogram(encoded);
    return true;
  } catch {
    return false;
  }
}

function invalid(file: string, message: string, cause?: unknown): RegatherError {
  return new RegatherError('RESULT_INVALID', message, { file, cause });
}
