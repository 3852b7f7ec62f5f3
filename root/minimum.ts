/** What an answer must have to be one, and what is enough to hand it over at once. */
import type { Metadata } from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { MIN_COVERAGE_KEY } from '../shared/link/leaf-metadata.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import type { Counts } from './coverage.ts';

export interface Minimum {
  /** Of the documents, where there are any to count, else of the shards; 1: all of it. 0: `shards` is the minimum. */
  readonly share: number;
  /** Of this root's own tasks. 0: `share` is the minimum. */
  readonly shards: number;
  /** With so many of its own tasks, and the minimum, an answer is handed over; Infinity: no number is enough. */
  readonly quorum: number;
}

/** `share`: what the request asks for, or the method's. */
export function minimumOf({ minCoverage, quorum }: MethodPlan, share: number, tasks: number): Minimum {
  if (quorum === undefined) return { share, shards: 0, quorum: Number.POSITIVE_INFINITY };
  const few = Math.min(quorum, tasks);
  return { share, shards: minCoverage === 0 ? few : 0, quorum: few };
}

/** 0.55 × 100 is 55.00000000000001 and means 55. */
const ROUNDING = 1 - 4 * Number.EPSILON;

/** `shards`: how many of this root's own tasks are in. */
export function meets({ share, shards: least }: Minimum, counts: Counts, shards: number): boolean {
  const { expected, answered, documents } = counts;
  if (answered === expected) return true;
  if (answered === 0 || shards < least || share === 1) return false;
  if (documents !== undefined && documents.expected > 0) return reaches(share, documents);
  return reaches(share, counts);
}

function reaches(share: number, { expected, answered }: { expected: number; answered: number }): boolean {
  return answered >= Math.ceil(share * expected * ROUNDING);
}

const NUMBER = /^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i;

/**
 * The share that a request asks for in its metadata; undefined: it leaves it to the method. Throws RegatherError REQUEST_METADATA.
 * `leaf`: it comes from a root above, whose schema may be another version: less than ours allows counts as what ours allows.
 */
export function requestedShare(metadata: Metadata, method: MethodPlan, leaf: boolean): number | undefined {
  const values = metadata.get(MIN_COVERAGE_KEY);
  if (values.length === 0) return undefined;
  const [value] = values;
  const { minCoverageFloor: floor } = method;
  const asked = typeof value === 'string' && NUMBER.test(value) ? Number(value) : Number.NaN;
  if (values.length === 1 && asked > 0 && asked <= 1) {
    if (asked >= floor) return asked;
    if (leaf) return floor;
  }
  const bound = floor === 0 ? 'one number above 0 and up to 1' : floor === 1 ? '1' : `one number ${floor}..1`;
  throw new RegatherError(
    'REQUEST_METADATA',
    `Expected metadata "${MIN_COVERAGE_KEY}" to be ${bound}, got ${JSON.stringify(values.map(String).join(', '))} (${method.path.slice(1)})`,
    { field: MIN_COVERAGE_KEY },
  );
}
