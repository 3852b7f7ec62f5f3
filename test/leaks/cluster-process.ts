/**
 * A root, two workers and their client in one process of its own, which gives them thousands of requests of every bad kind, stops them
 * and then has to end by itself. Tells what it saw on IPC.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRoot } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { SearchClient, searchPlan } from '../kit/cluster.ts';
import { counts } from '../kit/search-shard.ts';
import { searchWorker } from '../kit/search-worker.ts';

export interface Seen {
  readonly answers: number;
  /** Numbers of answers by status. */
  readonly codes: Record<string, number>;
  /** While everything ran on, idle: what should have gone back to nothing. */
  readonly idle: {
    readonly root: RootStatus;
    readonly rootMetrics: Record<string, number>;
    readonly workers: readonly WorkerStatus[];
    readonly handlers: typeof counts;
    readonly resources: Record<string, number>;
  };
  /** The same before the load. */
  readonly resourcesBefore: Record<string, number>;
  /** After everything stopped: what keeps the process alive. */
  readonly resources: readonly string[];
  readonly rejections: readonly string[];
  readonly warnings: readonly string[];
}

interface RootStatus {
  readonly inFlight: number;
  readonly workers: readonly { id: string; state: string; inFlight: number; breaker: string }[];
}
interface WorkerStatus {
  readonly calls: number;
  readonly links: number;
  readonly tasks: { readonly running: number; readonly waiting: number };
}

const SHARDS = 4;
const rejections: string[] = [];
const warnings: string[] = [];
process.on('unhandledRejection', (error) => rejections.push(String(error)));
process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`));

/** A third worker, in a process that is killed and comes back on its port. */
async function startVictim(listen: string): Promise<{ child: ChildProcess; address: string }> {
  const child = fork(fileURLToPath(new URL('../kit/search-worker.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ start: { id: 'victim', listen, shards: [0, 1, 2, 3], shardCount: SHARDS } });
  const [{ started }] = (await once(child, 'message')) as [{ started: { address: string } }];
  return { child, address: started.address };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function resourceCounts(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) found[name] = (found[name] ?? 0) + 1;
  return found;
}

async function run(links: boolean): Promise<Seen> {
  const log = createLogger({ level: 'silent' });
  let victim = await startVictim('127.0.0.1:0');
  const workers = ['w0', 'w1'].map((id) =>
    searchWorker({ id, shards: [0, 1, 2, 3], shardCount: SHARDS, signals: false, log, admin: '127.0.0.1:0' }),
  );
  const addresses = await Promise.all(workers.map(async (worker) => (await worker.start()).address));
  const shards = [0, 1, 2, 3];
  const placed = [...addresses, victim.address].map((address, i) => ({
    id: `w${i}`,
    address,
    shards,
    weight: 1,
  }));
  const root = createRoot({
    plan: searchPlan,
    topology: staticTopology({ epoch: 1, shardCount: SHARDS, virtualShards: 4096, workers: placed }),
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    signals: false,
    log,
    links,
  });
  const { address, admin } = await root.start();
  const client = new SearchClient(address);
  // Without links, resets are budgeted: what may not be reset holds a slot of its worker until this deadline.
  const abandonedMs = links ? 5_000 : 300;
  const codes: Record<string, number> = {};
  let answers = 0;
  const tally = ({ code }: { code: number }): void => {
    codes[code] = (codes[code] ?? 0) + 1;
    answers++;
  };

  const unary = (fault: string, method = 'TopK', timeoutMs = 5_000): Promise<void> =>
    client.call(method, { text: 'x', id: 'a', ids: ['a', 'b', 'c'], fault }, { timeoutMs }).then(tally);
  const cancelled = (fault: string): Promise<void> =>
    client
      .call('TopK', { fault }, { timeoutMs: abandonedMs, started: (cancel) => setTimeout(cancel, 5) })
      .then(tally);
  const streamed = (fault: string): Promise<void> =>
    client.stream('List', { perShard: 5, bodyBytes: 10, fault }, { timeoutMs: 5_000 }).then(tally);
  const leftStream = (): Promise<void> =>
    client
      .stream(
        'List',
        { perShard: 1_000, bodyBytes: 1000 },
        { timeoutMs: abandonedMs, onItem: (_, cancel) => cancel() },
      )
      .then(tally);
  const round = (): Promise<unknown> =>
    Promise.all([
      ...Array.from({ length: 10 }, () => unary('')),
      ...['Some', 'Count', 'Get', 'GetMany', 'Info'].map((method) => unary('', method)),
      unary('hang@1', 'TopK', 30),
      unary('hang@*', 'Some', 30),
      unary('fail:9@2'),
      unary('throw@3', 'Some'),
      unary('garbage@0', 'Some'),
      cancelled('hang@*'),
      cancelled(''),
      streamed(''),
      streamed('/fail:13@1'),
      leftStream(),
    ]);

  await round();
  await settled();
  const resourcesBefore = resourceCounts();
  for (let i = 0; i < 80; i++) {
    await round();
    if (i % 20 === 10) {
      // In the middle of calls, which have to end as well.
      const during = round();
      await kill(victim.child);
      await during;
      await round();
      victim = await startVictim(victim.address);
    }
  }
  const rootStatus = (): RootStatus => root.status() as RootStatus;
  const deadline = performance.now() + 20_000;
  while (
    performance.now() < deadline &&
    !rootStatus().workers.every(({ state }) => state === (links ? 'link' : 'plain'))
  ) {
    await sleep(20);
  }
  await settled();
  const metrics = (await (
    await fetch(`http://${admin}/metrics`, { headers: { connection: 'close' } })
  ).text()) as string;
  const rootMetrics: Record<string, number> = {};
  for (const [, name, value] of metrics.matchAll(
    /^(regather_root_in_flight|regather_\w*bytes_held\w*)\S* (\S+)$/gm,
  )) {
    rootMetrics[name!] = Number(value);
  }
  await sleep(100);
  const idle = {
    root: rootStatus(),
    rootMetrics,
    workers: workers.map((worker) => worker.status() as WorkerStatus),
    handlers: { ...counts },
    resources: resourceCounts(),
  };

  // Stopped with calls under way: they end, too.
  const last = Promise.all(Array.from({ length: 20 }, () => unary('sleep:50@*', 'Some')));
  await Promise.all([root.stop(), last]);
  await Promise.all(workers.map((worker) => worker.stop()));
  client.close();
  await kill(victim.child);
  // What was closed just now has its turns.
  for (let i = 0; i < 100 && process.getActiveResourcesInfo().some((name) => name !== 'PipeWrap'); i++)
    await sleep(20);
  return {
    answers,
    codes,
    idle,
    resourcesBefore,
    resources: process.getActiveResourcesInfo(),
    rejections,
    warnings,
  };

  /** Handlers that were told to stop have, and nothing waits at the root. */
  async function settled(): Promise<void> {
    const until = performance.now() + 15_000;
    while (performance.now() < until) {
      const quiet =
        counts.started === counts.finished &&
        rootStatusOf().inFlight === 0 &&
        rootStatusOf().workers.every(({ inFlight }) => inFlight === 0);
      if (quiet) break;
      await sleep(20);
    }
  }
  function rootStatusOf(): RootStatus {
    return root.status() as RootStatus;
  }
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  const seen = await run(process.argv[2] === 'links');
  process.send(seen);
  // From here on nothing of ours may keep the process alive.
  process.disconnect?.();
}
