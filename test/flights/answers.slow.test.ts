import test from 'ava';
import { flightsFolder, flightsSource } from '../../examples/flights/source.ts';
import { getsAgree, manyAgree, type Subject, streamsAgree, summariesAgree, worstsAgree } from './agree.ts';
import { startCluster } from './cluster.ts';
import { filters } from './requests.ts';
import { Truth } from './truth.ts';

// All three million flights, in one shard and in eight with two replicas on four workers: the same requests, the same answers.
const placements: Record<number, number[][]> = {
  1: [[0]],
  8: [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [0, 2, 4, 6],
    [1, 3, 5, 7],
  ],
};

/** At most some tens of thousands of flights: the time goes into comparing them. */
const selective = filters.filter(({ origin, destination }) => origin !== '' || destination !== '');

const source = flightsSource();
const truth = await Truth.open(source);
const seed = Number(process.env.SEED ?? 20010101);

for (const [count, placement] of Object.entries(placements)) {
  test.serial(`every answer is DuckDB's over the whole file, shards: ${count}`, async (t) => {
    const shards = Number(count);
    const cluster = await startCluster({ source, folder: flightsFolder(), shards, placement });
    t.teardown(() => cluster.stop());
    t.timeout(120_000);
    const runs = (numRuns: number): Subject => ({
      client: cluster.client,
      truth,
      shards,
      flights: 3_000_000,
      runs: { seed, numRuns },
    });
    await summariesAgree(t, runs(60));
    await worstsAgree(t, runs(30));
    await getsAgree(t, runs(100));
    await manyAgree(t, runs(40));
    await streamsAgree(t, runs(20), selective);
  });
}

test.after.always(() => truth.close());
