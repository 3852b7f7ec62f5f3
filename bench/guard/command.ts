/** `npm run bench -- check`. */
import { type Command, InvalidArgumentError } from 'commander';
import { type Scenario, UsageError } from '../scenario.ts';
import { baselineFile, readBaseline, writeBaseline } from './baseline.ts';
import { check, measureBaseline, shortForm, smokeForm } from './check.ts';
import { formatChecked } from './format.ts';

interface Flags {
  readonly smoke?: true;
  readonly update?: true;
  readonly only?: string[];
  readonly baseline: string;
  readonly burn?: Record<string, number>;
}

export function addCheckCommand(
  program: Command,
  scenarios: readonly Scenario[],
  progress: (line: string) => void,
): void {
  program
    .command('check')
    .description(
      'The regression guard: short forms, compared with the kept ratios; exit 1 if one got worse. About three minutes.',
    )
    .option('--smoke', 'half a minute: finds only what is three times worse')
    .option('--update', 'measures and keeps what is compared with')
    .option('--only <scenario,…>', 'only these', (text) => text.split(','))
    .option('--baseline <file>', 'what is compared with', baselineFile)
    .option('--burn <arm=µs>', 'makes a root slower per answer, to see that this is found', burn)
    .action(async ({ smoke, update, only, baseline, burn }: Flags) => {
      for (const name of only ?? []) {
        if (!scenarios.some((one) => one.name === name && one.guard !== undefined))
          throw new UsageError(`Expected a scenario with ratios to watch, got "${name}"`);
      }
      const chosen = scenarios.filter(({ name }) => only?.includes(name) !== false);
      const options = { progress, ...(burn === undefined ? {} : { burnUs: burn }) };
      const form = smoke ? smokeForm : shortForm;
      if (update) {
        writeBaseline(await measureBaseline(chosen, form, options), baseline);
        process.stdout.write(`Kept in ${baseline}\n`);
        return;
      }
      const checked = await check(chosen, readBaseline(baseline), form, options);
      process.stdout.write(formatChecked(checked));
      if (checked.some(({ judgement }) => judgement.verdict === 'worse')) process.exitCode = 1;
    });
}

function burn(text: string): Record<string, number> {
  const [arm = '', us = ''] = text.split('=');
  if (arm === '' || !(Number(us) > 0)) throw new InvalidArgumentError('Expected an arm and µs: links=500');
  return { [arm]: Number(us) };
}
