/** `regather bench compare`: whether two results differ, and by how much. */
import { compareResults, defaultSeed } from '../../../bench/report/compare/compare.ts';
import { formatComparison } from '../../../bench/report/compare/format.ts';
import { readResult } from '../../../bench/report/read-result.ts';
import { type JsonOption, wholeNumber } from '../../options.ts';
import { printJson } from '../../output.ts';
import type { Exit } from '../../program.ts';

export interface CompareOptions extends JsonOption {
  readonly seed?: string;
}

export async function compare(before: string, after: string, options: CompareOptions): Promise<Exit> {
  const seed = options.seed === undefined ? defaultSeed : wholeNumber('--seed', options.seed, 0, 2 ** 32 - 1);
  const comparison = compareResults(readResult(before), readResult(after), seed);
  if (options.json === true) printJson(comparison);
  else process.stdout.write(formatComparison(comparison));
  return 0;
}
