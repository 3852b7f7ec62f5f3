/** Where a load test's requests come from. All are encoded before the run, so that what doesn't fit the message is told then. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Random, seededRandom, seedOf } from '../../../bench/load/random.ts';
import type { RequestOrder, RequestPool } from '../../../bench/load/requests.ts';
import { RegatherError } from '../../../shared/errors/errors.ts';
import { parseRequest } from '../call.ts';

export interface RequestFlags {
  readonly requests?: string;
  readonly order?: string;
  readonly generator?: string;
  readonly replay?: string;
}

export interface RequestSource {
  readonly pool: RequestPool;
  /** Of a replayed log: when each one was sent. */
  readonly atMs?: readonly number[];
}

/** Throws USAGE with what is wrong; the place is added here. */
export type Encode = (value: unknown) => Buffer;

/** A generator is asked for so many requests at most; a longer run goes around in them. */
const MOST_GENERATED = 100_000;
/** Of all requests together: every generator process holds its share. */
const MOST_BYTES = 512 * 2 ** 20;

/** `count`: how many requests the run will need, as far as that is known. */
export async function requestSource(
  inline: string | undefined,
  flags: RequestFlags,
  count: number,
  seed: number,
  encode: Encode,
): Promise<RequestSource> {
  const given = [
    ...(inline === undefined ? [] : ['the request']),
    ...(['requests', 'generator', 'replay'] as const)
      .filter((name) => flags[name] !== undefined)
      .map((name) => `--${name}`),
  ];
  if (given.length > 1)
    throw new RegatherError('USAGE', `Expected requests from one place, got ${given.join(' and ')}`);
  const order = orderOf(flags);
  if (flags.requests !== undefined) return { pool: { bodies: fromFile(flags.requests, encode), order } };
  if (flags.replay !== undefined) return fromLog(flags.replay, encode);
  if (flags.generator !== undefined) {
    const bodies = await fromGenerator(flags.generator, Math.min(count, MOST_GENERATED), seed, encode);
    return { pool: { bodies, order: 'cycle' } };
  }
  return { pool: { bodies: [encode(parseRequest(inline ?? '{}'))], order: 'cycle' } };
}

function orderOf({ order, requests }: RequestFlags): RequestOrder {
  if (order === undefined) return 'cycle';
  if (requests === undefined) throw new RegatherError('USAGE', '--order: expected with --requests');
  if (order === 'cycle' || order === 'random') return order;
  throw new RegatherError('USAGE', `--order: expected cycle or random, got "${order}"`);
}

function fromFile(file: string, encode: Encode): Buffer[] {
  const bodies = jsonLines('--requests', file).map(({ line, value }) => encodeAt(encode, value, file, line));
  return bounded(bodies, file);
}

function fromLog(file: string, encode: Encode): RequestSource {
  const atMs: number[] = [];
  const bodies = jsonLines('--replay', file).map(({ line, value }) => {
    const { at_ms: at, request } = (value ?? {}) as { at_ms?: unknown; request?: unknown };
    const last = atMs.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (typeof at !== 'number' || !Number.isFinite(at) || at < last || request === undefined) {
      const message = 'expected {"at_ms": …, "request": {…}} with at_ms that never goes back';
      throw new RegatherError('USAGE', message, { file, line });
    }
    atMs.push(at);
    return encodeAt(encode, request, file, line);
  });
  return { pool: { bodies: bounded(bodies, file), order: 'cycle' }, atMs };
}

async function fromGenerator(file: string, count: number, seed: number, encode: Encode): Promise<Buffer[]> {
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown };
  } catch (error) {
    throw new RegatherError(
      'MODULE_INVALID',
      `--generator: expected a module that loads: ${firstLine(error)}`,
      {
        file,
      },
    );
  }
  if (typeof module.default !== 'function') {
    throw new RegatherError(
      'MODULE_INVALID',
      '--generator: expected a default export (index, random) => request',
      { file },
    );
  }
  const make = module.default as (index: number, random: Random) => unknown;
  const bodies: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    // A source of randomness of its own: request 7 is the same whatever the ones before it drew.
    let request: unknown;
    try {
      request = await make(index, seededRandom(seedOf(seed, index + 16)));
    } catch (error) {
      throw new RegatherError('MODULE_INVALID', `request ${index} was not made: ${firstLine(error)}`, {
        file,
      });
    }
    bodies.push(encodeAt(encode, request, `${file}, request ${index}`));
  }
  return bounded(bodies, file);
}

function jsonLines(option: string, file: string): { line: number; value: unknown }[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new RegatherError('USAGE', `${option}: cannot read ${file}: ${firstLine(error)}`);
  }
  const found = text.split('\n').flatMap((content, i) => {
    if (content.trim() === '') return [];
    try {
      return [{ line: i + 1, value: JSON.parse(content) as unknown }];
    } catch (error) {
      throw new RegatherError('USAGE', `expected JSON, ${firstLine(error)}`, { file, line: i + 1 });
    }
  });
  if (found.length === 0)
    throw new RegatherError('USAGE', `${option}: expected a request on a line, ${file} has none`);
  return found;
}

function encodeAt(encode: Encode, value: unknown, file: string, line?: number): Buffer {
  try {
    return encode(value);
  } catch (error) {
    const { code, message } = RegatherError.from(error);
    throw new RegatherError(code, message, { file, ...(line === undefined ? {} : { line }) });
  }
}

function bounded(bodies: Buffer[], file: string): Buffer[] {
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
  if (bytes <= MOST_BYTES) return bodies;
  throw new RegatherError(
    'USAGE',
    `Expected at most ${MOST_BYTES} bytes of requests, got ${bytes} of ${file}`,
  );
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}
