/** Writing partials by hand and merging them in one go. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { MergeContext } from '../../shared/merge/merger.ts';
import type { FieldShape, MessageMerge } from '../../shared/schema/plan.ts';
import type { ScalarValue } from '../../shared/wire/scalar.ts';
import { wireTypeOf, writeScalar } from '../../shared/wire/scalar.ts';
import { Writer } from '../../shared/wire/writer.ts';
import { finish, method } from './shapes.ts';

export function bytes(...fields: readonly (readonly [FieldShape, ScalarValue])[]): Buffer {
  const out = new Writer();
  for (const [of, value] of fields) {
    out.tag(of.number, wireTypeOf(of.type));
    writeScalar(out, of.type, value);
  }
  return out.finish();
}

/** Shard i's partial is the i-th. */
export function merged(
  of: MessageMerge,
  partials: readonly Buffer[],
  context: MergeContext = finish,
): string {
  const merger = compileMerger(method(of), new Map());
  const parts = partials.map((payload, shard) => merger.stage([shard], payload, []));
  return Buffer.from(merger.merge(parts.reverse(), context).payload).toString('hex');
}

export function failure(body: () => unknown): RegatherError {
  try {
    body();
  } catch (thrown) {
    if (thrown instanceof RegatherError) return thrown;
    throw thrown;
  }
  throw new Error('It did not fail.');
}

export const explicit = { presence: 'explicit' as const };
export const hex = (buffer: Uint8Array) => Buffer.from(buffer).toString('hex');
