import type { LoadRun } from '../load/run.ts';

/** What a report has to say of windows that said of themselves that they don't count. Nothing is measured again because of it. */
export function voidNotes(runs: readonly LoadRun[]): string[] {
  const bad = runs.filter((run) => run.void.length > 0);
  if (bad.length === 0) return [`None of the ${runs.length} windows was void.`];
  const first = bad[0]!;
  return [
    `${bad.length} of ${runs.length} windows were void, the first (${first.name}): ${first.void.join(' ')}`,
  ];
}
