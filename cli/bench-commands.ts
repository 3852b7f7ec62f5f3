/** The commands of `regather bench`. */
import type { Command } from 'commander';
import { addJsonOption } from './options.ts';
import type { Exit } from './program.ts';

export function addBenchCommands(program: Command, done: (exit: Exit) => void): void {
  const bench = program
    .command('bench')
    .description('Load tests, and what they say: reports and comparisons.');

  const compare = bench
    .command('compare')
    .description(
      'Says for each metric whether B differs from A, and by how much, with a 95 % confidence interval.',
    )
    .argument('<A.json>', "what it was before: a load run, or a scenario's report")
    .argument('<B.json>', 'what it is now')
    .option('--seed <n>', 'of the bootstrap (default: 1): the same files and seed give the same answer');
  addJsonOption(compare, 'one JSON line: title, warnings, groups of findings').action(
    async (before, after, options) => {
      done(await (await import('./commands/bench/compare.ts')).compare(before, after, options));
    },
  );

  const report = bench
    .command('report')
    .description('Draws load runs that were recorded before, together in one report.')
    .argument('<run.json...>', 'the runs; those of one name make one line against load and deadline')
    .requiredOption('-o, --out <folder>', 'where it goes; must not exist');
  addJsonOption(report, 'one JSON line: the folder').action(async (files, options) => {
    done(await (await import('./commands/bench/report.ts')).report(files, options));
  });
}
