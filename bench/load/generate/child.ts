/** A generator process: does what the run says, and ends with it. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { RegatherError } from '../../../shared/errors/errors.ts';
import { LocalGenerator } from './generator.ts';
import type { FromGenerator, ToGenerator } from './messages.ts';

let generator: LocalGenerator | undefined;

// What it would write is in the statuses, or in what `failed` says.
if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
// Ctrl-C reaches every process of the terminal; it is the run that says what to do then.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToGenerator) => void hear(message).catch(fail));

async function hear(message: ToGenerator): Promise<void> {
  if (message.say === 'prepare') {
    const prepared = new LocalGenerator(message.task, (batch) => say({ say: 'samples', batch }));
    generator = prepared;
    await prepared.prepare();
    say({ say: 'ready' });
  } else if (message.say === 'run') say({ say: 'ended', end: await generator!.run(message.startAtMs) });
  else generator?.stop(message.graceMs);
}

function fail(thrown: unknown): void {
  const { code, message } = RegatherError.from(thrown);
  say({ say: 'failed', code, message });
}

function say(message: FromGenerator): void {
  process.send?.(message);
}
