/** A Python client was seen to lose whole calls, status and all, with trailers between 7 and 12 kB. */

import { createWorker } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { startRoot } from '../kit/cluster.ts';
import { searchProto } from '../kit/search-worker.ts';
import { foreign, pythonClient, pythonMessages } from './python.ts';

const SHARDS = 1000;
const MAX_TRAILER_BYTES = 4096;

/** A google.rpc.Status that fits beside the coverage of one shard, not beside that of all; and one that isn't any. */
const details = [
  Buffer.concat([Buffer.from([0x1a, 0xe8, 0x07, 0x12, 0xe5, 0x07]), Buffer.alloc(997, 1)]),
  Buffer.alloc(900, 1),
];

/** Every third shard answers; the others fail for as many reasons, at length, and with details of their own. */
foreign(
  'a failure over 1,000 shards with long messages arrives in Python, in 4 KiB of trailers',
  async (t) => {
    const folder = pythonMessages(t);
    const worker = createWorker({
      service: { proto: searchProto },
      shards: Array.from({ length: SHARDS }, (_, shard) => shard),
      shardCount: SHARDS,
      signals: false,
      queue: 100_000,
      log: createLogger({ level: 'silent' }),
      open: ({ index }) => {
        const codes = [8, 13, 4, 14, 9];
        const message = `${index % 2 === 0 ? 'ü€𝄞%' : 'long \n'}`.repeat(5_000);
        // Made once: tasks that take long because they make errors would be turned away as too late.
        const error = Object.assign(new Error(message), {
          code: codes[index % codes.length],
          details: details[index % 2],
        });
        const fail = () => {
          if (index % 3 === 0) return {};
          throw error;
        };
        return {
          TopK: fail,
          Some: fail,
          Count: fail,
          Get: fail,
          GetMany: fail,
          Info: fail,
          List: fail,
          ListSome: fail,
        };
      },
    });
    t.teardown(() => worker.stop());
    const { address } = await worker.start();
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
    for (const links of [true, false]) {
      const { address: root } = await startRoot(t, [{ id: 'w', address, shards }], { links });
      for (const method of ['TopK', 'Some']) {
        const told = await pythonClient(t, folder, root, 'fail', method).told;
        t.is(told.code, 'INTERNAL', `${method}, links ${links}: ${JSON.stringify(told)}`);
        t.true(told.trailerBytes <= MAX_TRAILER_BYTES, `${told.trailerBytes} bytes of trailers`);
        t.is(told.coverage.expected, SHARDS);
        t.is(told.coverage.answered, 334, `${method}, links ${links}: ${JSON.stringify(told.coverage)}`);
        t.true(told.coverage.truncated);
        const count = told.coverage.missing.reduce(
          (sum: number, missing: { count: number }) => sum + missing.count,
          0,
        );
        t.is(count, SHARDS - 334);
        t.deepEqual(told.status.coverage, told.coverage);
      }
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
        const told = await pythonClient(t, folder, root, 'get', id).told;
        t.true(
          told.trailerBytes <= MAX_TRAILER_BYTES,
          `${told.trailerBytes} bytes of trailers for one shard`,
        );
        t.is(told.coverage.expected, 1);
      }
    }
  },
);
