/** Compares two files of results: what to hold against what, and what not to. */
import { RegatherError } from '../../../shared/errors/errors.ts';
import type { Block, LoadRun } from '../../load/run.ts';
import type { Result } from '../read-result.ts';
import { blockSample } from './block-sample.ts';
import { compareBlocks, leastBlocks } from './compare-blocks.ts';
import { compareReports } from './compare-reports.ts';
import type { Finding } from './verdict.ts';

export interface Comparison {
  /** "links against by-hand". */
  readonly title: string;
  /** What makes the figures doubtful: a void run, another machine. */
  readonly warnings: readonly string[];
  readonly groups: readonly ComparedGroup[];
}

/** What is compared under one condition: a phase, an arm. */
export interface ComparedGroup {
  readonly name: string;
  readonly findings: readonly Finding[];
}

/** Any other does as well: it is fixed so that the same files give the same answer. */
export const defaultSeed = 1;

/** B against A. Throws RESULT_INVALID for what can't be compared. */
export function compareResults(a: Result, b: Result, seed = defaultSeed): Comparison {
  if (a.kind === 'load' && b.kind === 'load') return compareRuns(a.run, b.run, seed);
  if (a.kind === 'scenario' && b.kind === 'scenario') return compareReports(a.report, b.report, seed);
  throw new RegatherError(
    'RESULT_INVALID',
    `Expected two results of one kind, got a ${kindOf(a)} and a ${kindOf(b)}`,
  );
}

function kindOf(result: Result): string {
  return result.kind === 'load' ? 'load run' : `report of scenario "${result.report.scenario}"`;
}

/** Phase by phase: steps of load mixed up would be compared by how many blocks each has. */
export function compareRuns(a: LoadRun, b: LoadRun, seed = defaultSeed): Comparison {
  if (a.loop !== b.loop) {
    throw new RegatherError(
      'RESULT_INVALID',
      `Expected two runs of one kind of loop, got ${a.loop} ("${a.name}") and ${b.loop} ("${b.name}")`,
    );
  }
  const names = (run: LoadRun): string => run.phases.map((phase) => phase.name).join(', ');
  if (names(a) !== names(b)) {
    throw new RegatherError(
      'RESULT_INVALID',
      `Expected two runs of the same load, got ${names(a)} ("${a.name}") and ${names(b)} ("${b.name}")`,
    );
  }
  const groups: ComparedGroup[] = [];
  const short: string[] = [];
  for (const [i, phase] of a.phases.entries()) {
    const blocksOf = (run: LoadRun): Block[] => run.blocks.filter((block) => block.phase === i);
    const [mine, theirs] = [blocksOf(a), blocksOf(b)];
    const fewest = Math.min(mine.length, theirs.length);
    if (fewest < leastBlocks) {
      short.push(`${phase.name} has ${fewest} blocks`);
      continue;
    }
    const findings = compareBlocks(blockSample(mine), blockSample(theirs), seed);
    groups.push({ name: a.phases.length === 1 ? '' : phase.name, findings });
  }
  if (groups.length === 0) {
    throw new RegatherError(
      'RESULT_INVALID',
      `Expected at least ${leastBlocks} blocks (seconds) on each side, got too few: ${short.join('; ')}`,
    );
  }
  return {
    title: `${b.name} (${b.at}) against ${a.name} (${a.at})`,
    warnings: [
      ...warningsOf(a),
      ...warningsOf(b),
      ...(a.target.method === b.target.method
        ? []
        : [`Two methods: ${a.target.method} and ${b.target.method}.`]),
      ...machinesOf(a, b),
      ...short.map((text) => `Left out: ${text}, it takes ${leastBlocks}.`),
    ],
    groups,
  };
}

export function machinesOf(a: Pick<LoadRun, 'machine'>, b: Pick<LoadRun, 'machine'>): string[] {
  const [one, other] = [a.machine, b.machine].map(
    ({ cpu, cores, node }) => `${cores} × ${cpu}, Node ${node}`,
  );
  return one === other ? [] : [`Two machines: ${one} and ${other}.`];
}

function warningsOf(run: LoadRun): string[] {
  return [
    ...run.void.map((why) => `VOID "${run.name}": ${why}`),
    ...(run.interrupted ? [`"${run.name}" was interrupted.`] : []),
  ];
}
