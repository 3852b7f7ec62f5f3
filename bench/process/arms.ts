/** The processes of each arm: its own root, workers that arms of one kind share, and a client that all share. */
import type { ArmSpec } from '../arms.ts';
import { echoPath } from '../echo/codec.ts';
import { expectedAnswer, makeRequest } from '../echo/shards.ts';
import type { StartedRoot } from '../regather/root.ts';
import { BenchProcess } from './bench-process.ts';
import { type BenchWorker, type FleetOptions, startFleet } from './fleet.ts';

export interface Arm {
  readonly name: string;
  readonly address: string;
  /** Of Regather's, where the arm asks for it. */
  readonly admin: string | undefined;
  readonly root: BenchProcess;
  readonly client: BenchProcess;
  readonly workers: readonly BenchWorker[];
}

/** Starts the arms' roots, the workers that they need, and one client. Stop them all with `stopArms`. */
export async function startArms(
  specs: Readonly<Record<string, ArmSpec>>,
  options: FleetOptions,
): Promise<Arm[]> {
  const { shardCount } = options.placement;
  const request = makeRequest().toString('base64');
  const expected = expectedAnswer(shardCount).toString('base64');
  const kinds = [...new Set(Object.values(specs).flatMap(({ workers }) => workers ?? []))];
  const fleets = new Map(
    await Promise.all(kinds.map(async (kind) => [kind, await startFleet(kind, options)] as const)),
  );
  const client = new BenchProcess('client', 'process/client.ts');
  return await Promise.all(
    Object.entries(specs).map(async ([name, arm]): Promise<Arm> => {
      const workers = arm.workers === undefined ? [] : fleets.get(arm.workers)!;
      const root = new BenchProcess(`root of ${name}`, 'process/root.ts');
      const placed = workers.map(({ address, shards }) => ({ address, shards }));
      const { address, admin } = await root.ask<StartedRoot>('start', { arm, workers: placed, shardCount });
      await client.ask('connect', { arm: name, address, path: echoPath, request, expected });
      return { name, address, admin, root, client, workers };
    }),
  );
}

export async function stopArms(arms: readonly Arm[]): Promise<void> {
  await BenchProcess.stopAll();
  for (const worker of new Set(arms.flatMap((arm) => arm.workers))) await worker.close();
}

/** One answer of each, compared byte for byte. Throws if it is another. */
export async function checkAnswers(arms: readonly Arm[]): Promise<void> {
  for (const { name, client } of arms) {
    const { failures, firstFailure } = await client.ask<{ failures: number; firstFailure: string }>('run', {
      arm: name,
      inFlight: 1,
      answers: 1,
    });
    if (failures > 0) throw new Error(`${name}: ${firstFailure}`);
  }
}
