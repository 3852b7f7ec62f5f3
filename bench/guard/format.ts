/** What the guard found, as text. */
import { figure } from '../report/table.ts';
import { type Checked, describe } from './check.ts';

const words = { worse: 'WORSE', holds: 'holds', unclear: "unclear, so it doesn't count" } as const;

export function formatChecked(checked: readonly Checked[]): string {
  const lines = checked.map(({ scenario, watched, judgement, rounds }) => {
    const { verdict, change, low, high, allowed } = judgement;
    return (
      `${describe(scenario, watched)}: ${figure(change)} × of what was kept ` +
      `(95 %: ${figure(low)}–${figure(high)}, ${rounds} rounds; allowed ${figure(allowed)}): ${words[verdict]}`
    );
  });
  const worse = checked.filter(({ judgement }) => judgement.verdict === 'worse').length;
  lines.push(
    '',
    worse === 0 ? 'Nothing got worse.' : `${worse} of ${checked.length} ratios got worse.`,
    'Above 1 is worse, whichever way the metric goes.',
  );
  return `${lines.join('\n')}\n`;
}
