/** F: what one leaf call of one task takes, measured on the workers themselves, without a root. */
import { echoPath } from '../echo/codec.ts';
import { makeRequest } from '../echo/shards.ts';
import type { Distribution } from '../ideal/distribution.ts';
import { runLoad } from '../load/load.ts';
import { constantRate } from '../load/schedule/stretches.ts';
import type { BenchWorker } from '../process/fleet.ts';
import { addHistograms, distributionOfHistogram } from '../report/histogram.ts';
import { summarize } from '../report/summary.ts';

export interface LeafOptions {
  /** Tasks per second at each worker. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** All workers at once, each asked for its first shard by its plain method. */
export async function leafDistribution(
  workers: readonly BenchWorker[],
  { perSecond, seconds, warmUpSeconds }: LeafOptions,
): Promise<Distribution> {
  const runs = await Promise.all(
    workers.map((worker, index) =>
      runLoad({
        name: `leaf calls of ${worker.id}`,
        target: {
          address: worker.address,
          path: echoPath,
          streaming: false,
          metadata: [['regather-shard', String(worker.shards[0]!)]],
          deadlineMs: 10_000,
          connections: 1,
        },
        requests: {
          bodies: Array.from({ length: perSecond * seconds }, (_, i) =>
            makeRequest(i * workers.length + index),
          ),
          order: 'cycle',
        },
        load: { loop: 'open', stretches: [constantRate(perSecond, seconds * 1000)], arrivals: 'poisson' },
        warmUpMs: warmUpSeconds * 1000,
        // In this process, which does nothing else meanwhile: eight generators would have too little of two cores.
        processes: 0,
        maxInFlight: 1_000,
        seed: index + 1,
      }),
    ),
  );
  for (const run of runs) {
    const { ok, scheduled, dropped, errors } = summarize(run.blocks);
    // What a busy machine didn't send is missing from F without a bias; what failed isn't.
    if (ok === 0 || ok + dropped < scheduled) {
      throw new Error(`${run.name}: ${ok} of ${scheduled} answered, errors ${JSON.stringify(errors)}`);
    }
  }
  return distributionOfHistogram(
    addHistograms(runs.flatMap((run) => run.blocks.map((block) => block.latency))),
  )!;
}
