/** The command line as a whole. Each command's work is in a module of its own, loaded when it is called. */
import { Command, CommanderError } from 'commander';
import { RegatherError } from '../shared/errors/errors.ts';
import { version } from '../shared/package.ts';
import { addBenchCommands } from './bench-commands.ts';
import { addCallOptions, addConfigOptions, addJsonOption, addSchemaOptions, collect } from './options.ts';
import { reportError } from './output.ts';

/** What a command's work resolves to: the exit code. */
export type Exit = 0 | 1 | 2;

/** `done` gets the exit code of the command that ran. */
export function createProgram(done: (exit: Exit) => void): Command {
  const program = new Command('regather')
    .description('Turns a gRPC service into a sharded gRPC service.')
    .version(version)
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .enablePositionalOptions();

  const up = program
    .command('up')
    .description(
      'Runs a whole cluster on this machine: a root and workers, restarted when they crash. Ctrl-C drains all.',
    )
    .argument('[config]', 'the config; it needs no topology')
    .option('-w, --workers <n>', 'how many workers (default: 4, or as many as there are shards)')
    .option(
      '--log-level <level>',
      "the children's log level (default: warn on a terminal, else the config's)",
    );
  addConfigOptions(up);
  addJsonOption(up, 'one JSON line per event').action(async (config, options) => {
    done(await (await import('./commands/up.ts')).up(config, options));
  });

  const root = program
    .command('root')
    .description('Runs a root: serves the service to clients from the shards of the topology.')
    .argument('[config]', 'the config')
    .option('--listen <address>', 'root.listen')
    .option('--admin <address>', 'root.admin')
    .option('--id <id>', 'root.id')
    .option('--topology <file>', "a topology file in place of the config's topology");
  addConfigOptions(root);
  addJsonOption(root, 'one JSON line per event: listening, ready, draining, stopped').action(
    async (config, options) => {
      done(await (await import('./commands/root.ts')).root(config, options));
    },
  );

  const worker = program
    .command('worker')
    .description('Runs a worker: hosts shards with the handlers of worker.module.')
    .argument('[config]', 'the config')
    .option('--module <file>', 'worker.module')
    .option('--listen <address>', 'worker.listen')
    .option('--admin <address>', 'worker.admin')
    .option('--id <id>', 'worker.id')
    .option('--shards <list>', 'worker.shards, for instance 0,1,2');
  addConfigOptions(worker);
  addJsonOption(worker, 'one JSON line per event: ready, draining, saving, stopped').action(
    async (config, options) => {
      done(await (await import('./commands/worker.ts')).worker(config, options));
    },
  );

  const call = program
    .command('call')
    .description('Calls a method, with the request and the answer as proto3 JSON.')
    .argument('<method>', '"TopK", or with its service "acme.search.v1.Search/TopK"')
    .argument('[request]', 'the request as JSON; - reads it from stdin', '{}');
  addSchemaOptions(call)
    .option('-t, --timeout <ms>', "the deadline (default: none, so the root's own counts)")
    .option('--explain', 'where the time went: the plan, every attempt, and what set the latency');
  addCallOptions(call);
  addConfigOptions(call);
  addJsonOption(
    call,
    'one JSON line: response, status, coverage, ms, with --explain also explain; one line per item for streams',
  ).action(async (method, request, options) => {
    done(await (await import('./commands/call.ts')).call(method, request, options));
  });

  const check = program
    .command('check')
    .description('Checks a config or a .proto and prints the merge plan.')
    .argument('[file]', 'a config (.yaml), a .proto or a descriptor set', 'regather.yaml')
    .option('-s, --service <name>', 'the service, where the .proto has several')
    .option('-I, --include <folder>', 'where imports are; may be repeated', collect);
  addJsonOption(check, 'the plan as JSON').action(async (file, options) => {
    done(await (await import('./commands/check.ts')).check(file, options));
  });

  const shards = program
    .command('shards')
    .description('Shows every shard with its replicas and their states, as a root sees them.')
    .argument('[config]', 'the config that says where the root is')
    .option('--admin <address>', "the root's admin port (default: root.admin of the config)");
  addConfigOptions(shards);
  addJsonOption(shards, 'as JSON').action(async (config, options) => {
    done(await (await import('./commands/shards.ts')).shards(config, options));
  });

  const drain = program
    .command('drain')
    .description('Lets a worker or root end what runs and take nothing new.')
    .argument('<target>', "a worker's id, or the admin port of a worker or root")
    .option(
      '--admin <address>',
      "the root's admin port, which knows the workers (default: root.admin of the config)",
    )
    .option('--token <token>', 'admin.token, where the port asks for it (default: from the config)')
    .option('--undo', 'takes requests again')
    .option('--no-wait', "doesn't wait until what runs has ended")
    .option('-t, --timeout <ms>', 'how long to wait (default: 30000)');
  addConfigOptions(drain);
  addJsonOption(drain, 'as JSON').action(async (target, options) => {
    done(await (await import('./commands/drain.ts')).drain(target, options));
  });

  const breaker = program
    .command('breaker')
    .description(
      'Holds a breaker of a root open (nothing is sent) or closed, until `auto` leaves it to itself.',
    )
    .argument('<set>', 'open, close or auto')
    .argument('<target>', "a worker's id, or one of its replicas as worker/shard")
    .option('--admin <address>', "the root's admin port (default: root.admin of the config)")
    .option('--token <token>', 'admin.token, where the port asks for it (default: from the config)');
  addConfigOptions(breaker);
  addJsonOption(breaker, 'as JSON').action(async (set, target, options) => {
    done(await (await import('./commands/breaker.ts')).breaker(set, target, options));
  });

  addBenchCommands(program, done);
  return program;
}

/** The command and all below it. */
export function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Runs a command line and returns the exit code: 0 good, 1 the operation failed, 2 wrong usage or config. */
export async function run(args: readonly string[]): Promise<Exit> {
  const json = args.includes('--json');
  let exit: Exit = 0;
  const program = createProgram((code) => {
    exit = code;
  });
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    // commander's own lines would be a second voice; errors are reported once, below.
    command.configureOutput({ outputError: () => {} });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      if (thrown.code === 'commander.help') return 2;
      return reportError(usageError(thrown), json);
    }
    return reportError(thrown, json);
  }
}

function usageError(error: CommanderError): RegatherError {
  const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  return new RegatherError('USAGE', `regather: ${text}`);
}
