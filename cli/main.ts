#!/usr/bin/env node
import { run } from './program.ts';

// `regather call … | head -1`: nobody reads any more, and that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const exit = await run(process.argv.slice(2));
// Whatever a worker's module has left open doesn't keep a command from ending; what was printed is written first.
process.stdout.write('', () => process.exit(exit));
