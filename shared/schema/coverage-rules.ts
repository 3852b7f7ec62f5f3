/** The rules of `min_coverage`, `min_coverage_floor` and `quorum`: how much an answer must have, and when that is enough. */
import type { ScatterOptions } from './annotations.ts';
import type { MethodPlan } from './plan.ts';

type CoverageRules = Pick<MethodPlan, 'minCoverage' | 'minCoverageFloor' | 'quorum'>;

/** Zeros can't be told from absent in proto3, and mean the default. */
export function coverageRules(
  to: string,
  kind: MethodPlan['kind'],
  { minCoverage, minCoverageFloor, quorum }: ScatterOptions,
  fail: (message: string) => void,
): CoverageRules {
  const many = to === 'ALL' || to === 'SPLIT';
  const least = minCoverage || (quorum > 0 ? 0 : 1);
  for (const [name, share] of [
    ['min_coverage', minCoverage],
    ['min_coverage_floor', minCoverageFloor],
  ] as const) {
    if (!(share >= 0 && share <= 1)) {
      fail(`has ${name} ${share}: expected above 0 and up to 1.`);
    } else if (share !== 0 && share !== 1 && !many) {
      fail(`has ${name} ${share}, which is for ALL and SPLIT: ${to} asks one shard at most.`);
    }
  }
  if (minCoverageFloor > least && minCoverageFloor <= 1) {
    const bound =
      least > 0
        ? `, above its min_coverage ${least}`
        : `, but no min_coverage: quorum ${quorum} alone is its minimum`;
    fail(`has min_coverage_floor ${minCoverageFloor}${bound}.`);
  }
  if (quorum > 0 && !many) {
    fail(`has quorum ${quorum}, which is for ALL and SPLIT: ${to} asks one shard at most.`);
  } else if (quorum > 0 && kind !== 'unary') {
    fail(`is ${kind} and has quorum ${quorum}: items of the other shards would be forwarded already.`);
  }
  return {
    minCoverage: least,
    minCoverageFloor: minCoverageFloor || least,
    ...(quorum === 0 ? {} : { quorum }),
  };
}
