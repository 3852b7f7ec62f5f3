/**
 * `npm start`: cuts the flights into shards, runs four workers and a root, asks a few questions as any gRPC client would, and
 * stays up to be asked more.
 */
import { parseArgs } from 'node:util';
import { DataError } from './data-error.ts';

const help = `Three million flights behind a root: partitions them, starts 4 workers and a root, asks a few questions.

Usage: npm start [-- <options>]

  --once              exit after the answers
  --listen <address>  where the root listens (default: 127.0.0.1:7000; with --once any free port)
  --admin <address>   the root's admin port (default: 127.0.0.1:7001; with --once any free port)
  -h, --help          show this

The data is kept in .data/flights; FLIGHTS_DATA names another folder.`;

function usage(): { once: boolean; listen?: string; admin?: string } | undefined {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      listen: { type: 'string' },
      admin: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  for (const name of ['listen', 'admin'] as const) {
    const address = values[name];
    if (address !== undefined && !/^.+:\d{1,5}$/.test(address)) {
      throw new TypeError(`--${name}: expected host:port, got "${address}"`);
    }
  }
  const { once, listen, admin } = values;
  return { once, ...(listen === undefined ? {} : { listen }), ...(admin === undefined ? {} : { admin }) };
}

async function main(): Promise<number> {
  let options: ReturnType<typeof usage>;
  try {
    options = usage();
  } catch (error) {
    // parseArgs explains at length how to pass a positional argument.
    const [message] = (error as Error).message.split('. ');
    process.stderr.write(`${message}; see npm start -- --help\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(`${help}\n`);
    return 0;
  }
  // Loaded here, so that a missing package is told rather than thrown.
  const { runExample } = await import('./example.ts');
  return runExample(options);
}

/** What a person can put right is one line; what they can't has its stack. */
function report(error: unknown): number {
  const { message = String(error), code, exit, stack } = error as Error & { code?: string; exit?: number };
  if (error instanceof DataError || exit !== undefined) process.stderr.write(`${message}\n`);
  else if (code === 'ERR_MODULE_NOT_FOUND')
    process.stderr.write(`${message}\nIs something not installed? npm ci\n`);
  else process.stderr.write(`${stack ?? message}\n`);
  return exit ?? 1;
}

process.exitCode = await main().catch(report);
