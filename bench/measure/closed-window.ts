/** One window of one arm under a closed loop: what the client saw, and what each process used for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arm } from '../process/arms.ts';
import type { Marked } from '../process/client.ts';
import { usageMeter } from './usage.ts';

export interface ClosedWindow {
  /** Per answer. */
  readonly rootCpuUs: number;
  readonly workerCpuUs: number;
  readonly allCpuUs: number;
  readonly answersPerSecond: number;
  readonly marked: Marked;
}

/** Throws if an answer failed or was another than expected: then there are no figures. */
export async function closedWindow(
  arm: Arm,
  inFlight: number,
  warmUpSeconds: number,
  seconds: number,
): Promise<ClosedWindow> {
  const { client, root } = arm;
  await client.ask('start', { arm: arm.name, inFlight });
  await sleep(warmUpSeconds * 1000);
  const [warm, used] = await Promise.all([
    client.ask<Marked>('mark', { arm: arm.name }),
    usageMeter([root, client, ...arm.workers.map((worker) => worker.process)]),
  ]);
  await sleep(seconds * 1000);
  // A short window on a busy machine.
  await client.ask('something', { arm: arm.name });
  const [marked, [rootUsed = 0, clientUsed = 0, ...workersUsed]] = await Promise.all([
    client.ask<Marked>('mark', { arm: arm.name }),
    used(),
  ]);
  await client.ask('stop', { arm: arm.name });
  for (const { failures, firstFailure } of [warm, marked]) {
    if (failures > 0)
      throw new Error(`${arm.name}: ${failures} answers failed, the first with ${firstFailure}`);
  }
  const answersPerMs = marked.answers / marked.elapsedMs;
  const workerUsed = workersUsed.reduce((sum, one) => sum + one, 0);
  return {
    rootCpuUs: rootUsed / answersPerMs,
    workerCpuUs: workerUsed / answersPerMs,
    allCpuUs: (rootUsed + clientUsed + workerUsed) / answersPerMs,
    answersPerSecond: answersPerMs * 1000,
    marked,
  };
}
