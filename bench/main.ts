/** `npm run bench -- <scenario>|check|sim|table|docs`: measures and reports; see docs/benchmarks.md. */
import { mkdirSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { RegatherError } from '../shared/errors/errors.ts';
import { discoverScenarios } from './discover.ts';
import { addCheckCommand } from './guard/command.ts';
import { updateDocs } from './report/docs.ts';
import { readScenarioReport } from './report/read-result.ts';
import type { Report } from './report/report.ts';
import { expectRoomForFile, writeReportFile } from './report/report-file.ts';
import { formatMarkdown, formatShort, formatText } from './report/table.ts';
import { readyToReport } from './report/write-report.ts';
import { writeScenarioReport } from './report/write-scenario-report.ts';
import { expectConditions, type Scenario, UsageError } from './scenario.ts';
import { presets } from './sim/presets.ts';
import { simulationReport } from './sim/report.ts';

const scenarios = await discoverScenarios();

interface Flags {
  readonly json?: string;
  readonly report?: string;
  readonly smoke?: true;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly arms?: string[];
  readonly conditions?: string[];
  readonly cpuProf?: string;
}

const program = new Command('bench')
  .description('Measures Regather against its alternatives, in one run.')
  .exitOverride();

for (const scenario of scenarios) {
  program
    .command(scenario.name)
    .description(scenario.claim)
    .option('--json <file>', 'write the report here as well')
    .option('--report <folder>', 'write a page with pictures here; must not exist')
    .option('--smoke', 'a few seconds, to see that it runs; the figures mean nothing')
    .option('--rounds <n>', 'how often each arm is measured', positive)
    .option('--seconds <s>', 'length of a measured window', positive)
    .option('--arms <a,b>', 'only these', (text) => text.split(','))
    .option('--conditions <a;b>', 'only these, where a scenario has several', (text) => text.split(';'))
    .option('--cpu-prof <dir>', "write the roots' CPU profiles here, from a window of their own")
    .addHelpText('after', details(scenario))
    .action((flags: Flags) => run(scenario, flags));
}

addCheckCommand(program, scenarios, progress);

program
  .command('sim')
  .description("Asks the root's own policies, on a virtual clock over simulated workers, what they would do.")
  .option('--preset <name>', 'what happens', 'stragglers')
  .option('--shards <n>', 'instead of the preset’s', positive)
  .option('--replicas <n>', 'instead of the preset’s', positive)
  .option('--load <share>', 'of all execution slots, instead of the preset’s', positive)
  .option('--seconds <s>', 'virtual ones, instead of the preset’s', positive)
  .option('--seed <n>', 'the same seed, the same figures', positive, 1)
  .option('--rounds <n>', 'with other seeds, for a spread', positive, 1)
  .option('--json <file>', 'write the report here as well')
  .addHelpText('after', `\nPresets:\n${list(described(presets))}`)
  .action(sim);

program
  .command('table <file>')
  .description('Prints a report that --json wrote as markdown.')
  .option('--short', 'one row per arm, with the figures that say most')
  .action((file: string, flags: { short?: true }) => {
    const report = readScenarioReport(file);
    process.stdout.write(flags.short ? formatShort(report) : formatMarkdown(report));
  });

program
  .command('docs')
  .description(
    'Puts the tables and pictures of bench/results/*.json into docs/benchmarks.md and README.md, between their marks.',
  )
  .option('--check', 'change nothing; exit 1 if something would change')
  .action(async (flags: { check?: true }) => {
    const stale = await updateDocs(flags.check !== true);
    for (const file of stale) process.stdout.write(`${flags.check ? 'stale' : 'updated'}: ${file}\n`);
    if (flags.check && stale.length > 0) process.exitCode = 1;
  });

async function run(scenario: Scenario, flags: Flags): Promise<void> {
  expectConditions(scenario, flags.conditions);
  if (flags.report !== undefined) await readyToReport(flags.report);
  if (flags.json !== undefined) await expectRoomForFile(flags.json);
  if (flags.cpuProf !== undefined) mkdirSync(flags.cpuProf, { recursive: true });
  const report = await scenario.run({
    smoke: flags.smoke === true,
    ...(flags.rounds === undefined ? {} : { rounds: Math.ceil(flags.rounds) }),
    ...(flags.seconds === undefined ? {} : { seconds: flags.seconds }),
    ...(flags.arms === undefined ? {} : { arms: flags.arms }),
    ...(flags.conditions === undefined ? {} : { conditions: flags.conditions }),
    ...(flags.cpuProf === undefined ? {} : { cpuProfDir: flags.cpuProf }),
    progress,
  });
  print(report, flags.json);
  if (flags.report !== undefined) await writeScenarioReport(flags.report, report);
}

interface SimFlags {
  readonly preset: string;
  readonly shards?: number;
  readonly replicas?: number;
  readonly load?: number;
  readonly seconds?: number;
  readonly seed: number;
  readonly rounds: number;
  readonly json?: string;
}

async function sim(flags: SimFlags): Promise<void> {
  const preset = presets.find(({ name }) => name === flags.preset);
  if (preset === undefined) {
    const names = presets.map(({ name }) => name).join(', ');
    throw new UsageError(`Expected a preset (${names}), got "${flags.preset}"`);
  }
  if (flags.json !== undefined) await expectRoomForFile(flags.json);
  const { shards, replicas, load, seconds } = { ...preset, ...flags };
  const report = await simulationReport(
    {
      ...preset,
      shards: Math.ceil(shards),
      replicas: Math.ceil(replicas),
      load,
      seconds: Math.ceil(seconds),
    },
    { seed: Math.ceil(flags.seed), rounds: Math.ceil(flags.rounds), progress },
  );
  print(report, flags.json);
}

function described(
  entries: readonly { readonly name: string; readonly description: string }[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map(({ name, description }) => [name, description]));
}

function progress(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
}

function print(report: Report, json: string | undefined): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  process.stdout.write(formatText(report));
  if (json !== undefined) writeReportFile(json, report);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

function details({ arms, metrics, conditions = [], faults = [] }: Scenario): string {
  const under =
    conditions.length === 0 ? '' : `\n\nConditions:\n${conditions.map((one) => `  ${one}`).join('\n')}`;
  const broken = faults.length === 0 ? '' : `\n\nFaults:\n${faults.map((fault) => `  ${fault}`).join('\n')}`;
  return `\nArms:\n${list(arms)}\n\nMetrics:\n${list(metrics)}${under}${broken}`;
}

function list(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, text]) => `  ${name.padEnd(18)}${text}`)
    .join('\n');
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof UsageError || error instanceof RegatherError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof RegatherError ? error.exit : 2;
  } else {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
}
