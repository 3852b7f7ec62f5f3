/** CPU of processes over a window. */
import { cpus } from 'node:os';
import type { BenchProcess } from '../process/bench-process.ts';
import type { Usage } from '../process/child.ts';

/** µs of CPU per ms, of each process: rates, because processes don't read their clocks at the same moment. */
export async function usageMeter(processes: readonly BenchProcess[]): Promise<() => Promise<number[]>> {
  const before = await Promise.all(processes.map((process) => process.usage()));
  return async () => {
    const after = await Promise.all(processes.map((process) => process.usage()));
    return after.map((usage, i) => cpuUsPerMs(before[i]!, usage));
  };
}

export function cpuUsPerMs(before: Usage, after: Usage): number {
  return (after.cpuUs - before.cpuUs) / (after.atMs - before.atMs);
}

/** The share of all cores' time that anything on this machine used since the meter was made, 0 to 1. */
export function machineMeter(): () => number {
  const before = coreTimes();
  return () => {
    const after = coreTimes();
    return (after.busy - before.busy) / Math.max(1, after.busy - before.busy + after.idle - before.idle);
  };
}

function coreTimes(): { busy: number; idle: number } {
  let busy = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, idle };
}
