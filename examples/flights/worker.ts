/** The module that `regather worker` and `regather up` load: a worker of the flights service. */
import { fileURLToPath } from 'node:url';
// In a package of one's own: from 'regather'.
import { createWorker } from '../../index.ts';
import type { FlightsHandlers } from './messages.ts';
import { openShard } from './open-shard.ts';

export default createWorker<FlightsHandlers>({
  service: {
    proto: fileURLToPath(new URL('flights.proto', import.meta.url)),
    name: 'flights.v1.Flights',
  },
  // DuckDB works on Node's four background threads, so more slots make nothing faster; but a stream that waits for a slow
  // client holds one.
  concurrency: 16,
  open: (shard) =>
    openShard(shard.index, shard.count, {
      onPartition: (done) => shard.progress(done / 2, 'partitioning the flights'),
    }),
});
