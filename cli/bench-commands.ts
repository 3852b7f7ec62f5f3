/** The commands of `regather bench`. */
import type { Command } from 'commander';
import { addCallOptions, addConfigOptions, addJsonOption, addSchemaOptions, collect } from './options.ts';
import type { Exit } from './program.ts';

export function addBenchCommands(program: Command, done: (exit: Exit) => void): void {
  const bench = program
    .command('bench')
    .description('Load tests, and what they say: reports and comparisons.');

  const load = bench
    .command('load')
    .description('Sends load to a method and reports latencies, goodput and coverage.')
    .argument(
      '<method>',
      '"TopK", or with its service "acme.search.v1.Search/TopK"; unary or server-streaming',
    )
    .argument('[request]', 'the request as JSON (default: {})');
  addSchemaOptions(load)
    .option('--requests <file>', 'requests from a file of JSON lines')
    .option('--order <order>', 'how --requests are taken: cycle or random (default: cycle)')
    .option('--generator <file>', 'requests from a module: export default (index, random) => request')
    .option('--replay <file>', 'a recorded log: JSON lines {"at_ms": …, "request": {…}}, sent as then')
    .option('--speed <factor>', 'how much faster than recorded --replay goes (default: 1)')
    .option('-r, --rate <n>', 'requests per second, whatever becomes of them (default: 100)')
    .option('--spike <rate:long@at>', 'another rate within --rate: 2000:2s@10s; may be repeated', collect)
    .option('--steps <list>', 'one rate after the other: 100,200,400')
    .option('--step-seconds <s>', 'how long each step takes (default: 10)')
    .option('--ramp <from:to>', 'from one rate to another over the duration: 0:500')
    .option('--arrivals <kind>', 'poisson, as from users apart, or constant (default: poisson)')
    .option('--in-flight <n>', 'a closed loop in place of a rate: so many, each sent when one has ended')
    .option('-d, --duration <time>', 'of the measured part (default: 30s)')
    .option('-n, --count <n>', 'at most so many requests in the measured part')
    .option('--warm-up <time>', 'before the measured part, at its first rate (default: 5s; of --replay none)')
    .option('-t, --timeout <ms>', 'the deadline of each request (default: 10000)')
    .option('--max-in-flight <n>', 'more than these are dropped, and the run is void (default: 10000)')
    .option('--processes <n>', 'how many processes send (default: 1)')
    .option('--connections <n>', 'HTTP/2 connections of all of them (default: one each)')
    .option('--seed <n>', 'of arrivals, order and generator (default: 1)')
    .option('--name <name>', 'what the run is called in reports (default: the method)')
    .option('-o, --out <folder>', 'write a report there: page, pictures, run.json, run.hgrm');
  addCallOptions(load);
  addConfigOptions(load);
  addJsonOption(load, 'one JSON line per event: message, start, progress, result').action(
    async (method, request, options) => {
      done(await (await import('./commands/bench/load.ts')).load(method, request, options));
    },
  );

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
