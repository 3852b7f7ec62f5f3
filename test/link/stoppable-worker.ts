/** A worker in a process of its own, so that a test can stop it in its tracks. Answers after it was told to; tells its port. */
import { echo, startWorker } from './sockets.ts';

const worker = await startWorker((call) => {
  if (call.method === 'Hold') process.send?.('holding');
  else echo(call);
});
process.send?.(worker.port);
process.on('disconnect', () => process.exit());
