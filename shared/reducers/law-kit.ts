/** Tries the laws that a custom reducer declares on sample values, through the same code that merges answers. */
import { compileMerger } from '../merge/compile.ts';
import type { MergeContext, Merger, Part } from '../merge/merger.ts';
import type { FieldShape, FieldType, MethodPlan } from '../schema/plan.ts';
import { LEN } from '../wire/reader.ts';
import { wireTypeOf, writeScalar } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import type { CustomReducer, CustomValue } from './custom.ts';

export interface LawSamples {
  /** The type of the field that it merges. */
  readonly type: FieldType;
  /** Default false. */
  readonly repeated?: boolean;
  /** Of a singular field. Default `explicit`, where absent and 0 differ. */
  readonly presence?: 'explicit' | 'implicit';
  /** What the annotation hands to it. Default "". */
  readonly options?: string;
  /** What one shard each may answer: of a singular field at most one value. The more telling the better: equal ones, extremes, none. */
  readonly samples: readonly (readonly CustomValue[])[];
  /** How many random picks of samples are tried. Default 200: enough for a dozen samples, in a few milliseconds. */
  readonly runs?: number;
  /** Of the picks. Default 1, so that a failure repeats. */
  readonly seed?: number;
}

/**
 * What doesn't hold, one line each; empty if all is well. Tried are: it takes the field; it doesn't throw; it returns values of the field's
 * type; the same values give the same result, and are left as they are; and, of a free one, neither the order of the shards nor where
 * they're combined changes a byte.
 */
export function checkReducerLaws(reducer: CustomReducer, samples: LawSamples): string[] {
  const broken = new Set<string>();
  const watched: CustomReducer = {
    ...reducer,
    name: reducer.name,
    merge: (values, options) => watch(reducer, values, options, broken),
  };
  const accepts = reducer.accepts?.bind(reducer);
  const plan = planOf(samples, reducer);
  let merger: Merger;
  try {
    merger = compileMerger(
      plan,
      new Map([[reducer.name, accepts === undefined ? watched : { ...watched, accepts }]]),
    );
  } catch (thrown) {
    return [(thrown as Error).message];
  }
  const field = plan.response.fields[0]!;
  const payloads = samples.samples.map((values) => encode(field, values));
  const random = randomOf(samples.seed ?? 1);
  for (let run = 0; run < (samples.runs ?? 200) && broken.size < 10; run++) {
    const picked = Array.from({ length: 1 + random(5) }, () => random(payloads.length));
    const sources = picked.map((sample, shard) => ({ shard, payload: payloads[sample]! }));
    const shown = picked.map((sample) => show(samples.samples[sample]!)).join(' ');
    const outcome = (parts: () => readonly Part[]): string | undefined => {
      try {
        return Buffer.from(merger.merge(parts(), final).payload).toString('hex');
      } catch (thrown) {
        broken.add((thrown as Error).message);
        return undefined;
      }
    };
    const alone = (shards: typeof sources): Part[] =>
      shards.map(({ shard, payload }) => merger.stage([shard], payload, []));
    const expected = outcome(() => alone(sources));
    if (expected === undefined) continue;
    if (outcome(() => alone(sources)) !== expected)
      broken.add(`Gives different results for the same values: ${shown}`);
    if (reducer.free !== true) continue;
    const turned = sources.map(({ payload }, shard) => ({ shard: sources.length - 1 - shard, payload }));
    const swapped = outcome(() => alone(turned));
    if (swapped !== undefined && swapped !== expected)
      broken.add(`Is declared free, but the order of the shards changes the result: ${shown}`);
    const cut = 1 + random(sources.length);
    const grouped = outcome(() => [
      ...together(merger, sources.slice(0, cut)),
      ...together(merger, sources.slice(cut)),
    ]);
    if (grouped !== undefined && grouped !== expected) {
      broken.add(`Is declared free, but combining some of the shards first changes the result: ${shown}`);
    }
  }
  return [...broken];
}

const final: MergeContext = { windows: [], orders: [], final: true };
const open: MergeContext = { windows: [], orders: [], final: false };

function together(merger: Merger, sources: readonly { shard: number; payload: Uint8Array }[]): Part[] {
  const shards = sources.map(({ shard }) => shard);
  if (sources.length === 0) return [];
  if (sources.length === 1) return [merger.stage(shards, sources[0]!.payload, [])];
  const combined = merger.combine(sources, open);
  if (combined === undefined) return sources.map(({ shard, payload }) => merger.stage([shard], payload, []));
  return [merger.stage(shards, combined.data, combined.segmentBytes)];
}

function watch(
  reducer: CustomReducer,
  values: readonly (readonly CustomValue[])[],
  options: string,
  broken: Set<string>,
): readonly CustomValue[] {
  const before = values.map(show).join(' ');
  const result = reducer.merge(values, options);
  if (values.map(show).join(' ') !== before) broken.add(`Changes the values that it is given: ${before}`);
  return result;
}

function planOf(samples: LawSamples, reducer: CustomReducer): MethodPlan {
  const { type, repeated = false, presence = 'explicit', options = '' } = samples;
  const place = { file: 'law-kit' };
  const isMessage = type === 'message' || type === 'group';
  const wireType = wireTypeOf(type);
  const field: FieldShape = {
    number: 1,
    name: 'value',
    type,
    repeated,
    packed: repeated && wireType !== LEN && !isMessage,
    presence,
    isMap: false,
    place,
    ...(isMessage ? { typeName: 'Value', message: { name: 'Value', fields: [] } } : {}),
  };
  const shape = { name: 'Answer', fields: [field] };
  const spec = { kind: 'custom', name: reducer.name, options } as const;
  return {
    name: 'Laws',
    path: '/Laws/Laws',
    kind: 'unary',
    scatter: { to: 'ALL' },
    idempotent: true,
    timeoutMs: 1000,
    minCoverage: 1,
    minCoverageFloor: 1,
    maxAnswerBytes: 4194304,
    request: { name: 'Request', fields: [] },
    response: shape,
    leaf: { name: 'Laws', path: '/Laws/Laws', response: shape },
    merge: { shape, fields: [{ field, spec, free: reducer.free === true, internal: false }] },
    windows: [],
    orders: [],
    place,
  };
}

function encode(field: FieldShape, values: readonly CustomValue[]): Buffer {
  const out = new Writer(64);
  for (const value of values) {
    out.tag(field.number, wireTypeOf(field.type));
    writeScalar(out, field.type, value);
  }
  return out.finish();
}

function show(values: readonly CustomValue[]): string {
  const texts = values.map((value) =>
    typeof value === 'object'
      ? `0x${Buffer.from(value).toString('hex')}`
      : typeof value === 'string'
        ? JSON.stringify(value)
        : String(value),
  );
  return `[${texts.join(', ')}]`;
}

/** Numbers below a bound, always the same for the same seed (xorshift32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
