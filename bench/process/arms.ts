/** The processes of each arm: its own root, workers that arms of one kind share, and a client that all share. */
import { echoPath } from '../echo/codec.ts';
import { expectedAnswer, makeRequest, shardsOf, workerCount } from '../echo/shards.ts';
import { BenchProcess } from './bench-process.ts';
import type { WorkerKind } from './worker.ts';

export interface Arm {
  readonly name: string;
  readonly root: BenchProcess;
  readonly client: BenchProcess;
  readonly workers: readonly BenchProcess[];
}

/** Starts the arms' roots, the workers that they need, and one client. Stop them all with `BenchProcess.stopAll`. */
export async function startArms(names: readonly string[]): Promise<Arm[]> {
  const request = makeRequest().toString('base64');
  const expected = expectedAnswer().toString('base64');
  const kinds = [...new Set(names.map(kindOfWorkers))];
  const fleets = new Map(
    await Promise.all(kinds.map(async (kind) => [kind, await startFleet(kind)] as const)),
  );
  const client = new BenchProcess('client', 'process/client.ts');
  return await Promise.all(
    names.map(async (name): Promise<Arm> => {
      const fleet = fleets.get(kindOfWorkers(name))!;
      const root = new BenchProcess(`root of ${name}`, 'process/root.ts');
      const address = await root.ask<string>('start', { arm: name, workers: fleet.addresses });
      await client.ask('connect', { arm: name, address, path: echoPath, request, expected });
      return { name, root, client, workers: fleet.processes };
    }),
  );
}

interface Fleet {
  readonly processes: readonly BenchProcess[];
  readonly addresses: readonly string[];
}

function kindOfWorkers(arm: string): WorkerKind | undefined {
  if (arm === 'empty') return undefined;
  if (arm === 'by-hand' || arm === 'batched') return 'by-hand';
  return arm === 'links-no-combine' ? 'regather-no-combine' : 'regather';
}

async function startFleet(kind: WorkerKind | undefined): Promise<Fleet> {
  if (kind === undefined) return { processes: [], addresses: [] };
  const processes = Array.from(
    { length: workerCount },
    (_, index) => new BenchProcess(`${kind} worker ${index}`, 'process/worker.ts'),
  );
  const addresses = await Promise.all(
    processes.map((worker, index) => worker.ask<string>('start', { kind, shards: shardsOf(index) })),
  );
  return { processes, addresses };
}
