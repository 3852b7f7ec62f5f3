/** The processes of each arm: a root, a client and the workers, which arms of one kind share. */
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

/** Starts the arms' roots, the workers that they need, and a client for each. Stop them all with `BenchProcess.stopAll`. */
export async function startArms(names: readonly string[]): Promise<Arm[]> {
  const request = makeRequest().toString('base64');
  const expected = expectedAnswer().toString('base64');
  const fleets = new Map<string, Fleet>();
  const arms: Arm[] = [];
  for (const name of names) {
    const kind = kindOfWorkers(name);
    const fleet = kind === undefined ? noFleet : (fleets.get(kind) ?? (await startFleet(kind)));
    if (kind !== undefined) fleets.set(kind, fleet);
    const root = new BenchProcess(`root of ${name}`, 'process/root.ts');
    const address = await root.ask<string>('start', { arm: name, workers: fleet.addresses });
    const client = new BenchProcess(`client of ${name}`, 'process/client.ts');
    await client.ask('connect', { address, path: echoPath, request, expected });
    arms.push({ name, root, client, workers: fleet.processes });
  }
  return arms;
}

interface Fleet {
  readonly processes: readonly BenchProcess[];
  readonly addresses: readonly string[];
}

const noFleet: Fleet = { processes: [], addresses: [] };

function kindOfWorkers(arm: string): WorkerKind | undefined {
  if (arm === 'empty') return undefined;
  if (arm === 'by-hand' || arm === 'batched') return 'by-hand';
  return arm === 'links-no-combine' ? 'regather-no-combine' : 'regather';
}

async function startFleet(kind: WorkerKind): Promise<Fleet> {
  const processes = Array.from(
    { length: workerCount },
    (_, index) => new BenchProcess(`${kind} worker ${index}`, 'process/worker.ts'),
  );
  const addresses = await Promise.all(
    processes.map((worker, index) => worker.ask<string>('start', { kind, shards: shardsOf(index) })),
  );
  return { processes, addresses };
}
