/** One window of one arm under a schedule of arrivals: latencies from the intended send times, and what the machine and the workers did meanwhile. */
import { echoPath } from '../echo/codec.ts';
import { makeRequest } from '../echo/shards.ts';
import { runLoad } from '../load/load.ts';
import type { LoadRun } from '../load/run.ts';
import { scheduleOf } from '../load/schedule/schedule.ts';
import type { Stretch } from '../load/schedule/stretches.ts';
import type { Arm } from '../process/arms.ts';
import { type Summary, summarize } from '../report/summary.ts';
import { machineMeter, usageMeter } from './usage.ts';

export interface OpenLoad {
  /** How the rate goes. */
  readonly rate: readonly Stretch[];
  readonly warmUpSeconds: number;
  readonly deadlineMs: number;
  /** Two windows with the same round meet the same requests at the same times, whatever the arm. */
  readonly round: number;
  /** Default `Echo`, which is complete or an error. */
  readonly path?: string;
  /** What is broken while it is measured; called as the measured part begins, and awaited before the window ends. */
  readonly during?: (startMs: number) => Promise<void>;
}

export interface OpenWindow {
  readonly run: LoadRun;
  readonly summary: Summary;
  /** Of all cores of the machine, while it was measured and warmed up: 0 to 1. */
  readonly machineCpu: number;
  /** Of one core. */
  readonly rootCpu: number;
  /** Tasks that workers began above one for each shard of each request: 0 to 1. NaN if workers were replaced meanwhile. */
  readonly extraTasks: number;
}

/** Of the nth request of a window. Those of different rounds never have the same. */
export function requestNumber(round: number, nth: number): number {
  return round * 10_000_000 + nth;
}

/** What is sent when, of a window. */
export function scheduleOfWindow({
  rate,
  warmUpSeconds,
  round,
}: Pick<OpenLoad, 'rate' | 'warmUpSeconds' | 'round'>) {
  return { stretches: rate, arrivals: 'poisson', seed: round + 1, warmUpMs: warmUpSeconds * 1000 } as const;
}
const MAX_IN_FLIGHT = 5_000;

export async function openWindow(arm: Arm, shardCount: number, load: OpenLoad): Promise<OpenWindow> {
  const { rate, deadlineMs, round } = load;
  const schedule = scheduleOfWindow(load);
  const sent = scheduleOf(schedule).times.length;
  const tasksBefore = await tasksOf(arm);
  const machine = machineMeter();
  const usage = await usageMeter([arm.root]);
  let breaking: Promise<void> | undefined;
  const run = await runLoad({
    name: arm.name,
    target: {
      address: arm.address,
      path: load.path ?? echoPath,
      streaming: false,
      metadata: [],
      deadlineMs,
      connections: 1,
    },
    requests: {
      bodies: Array.from({ length: sent }, (_, i) => makeRequest(requestNumber(round, i))),
      order: 'cycle',
    },
    load: { loop: 'open', stretches: rate, arrivals: schedule.arrivals },
    warmUpMs: schedule.warmUpMs,
    processes: 1,
    maxInFlight: MAX_IN_FLIGHT,
    seed: schedule.seed,
    onStart: (startMs) => {
      breaking = load.during?.(startMs);
      // Awaited below; until then nobody is to call it unhandled.
      breaking?.catch(() => {});
    },
  });
  await breaking;
  const machineCpu = machine();
  const [rootUsed = 0] = await usage();
  const tasks = (await tasksOf(arm)) - tasksBefore;
  return {
    run,
    summary: summarize(run.blocks),
    machineCpu,
    rootCpu: rootUsed / 1000,
    extraTasks: tasks < 0 ? Number.NaN : tasks / (sent * shardCount) - 1,
  };
}

/** What all workers of the arm have begun so far. */
async function tasksOf({ workers }: Arm): Promise<number> {
  const tallies = await Promise.all(workers.map((worker) => worker.tally()));
  return tallies.reduce((sum, { tasks }) => sum + tasks, 0);
}
