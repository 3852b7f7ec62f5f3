/** Arms under open load, in turns, one condition after the other: what the scenarios about latency have in common. */
import type { Injected } from '../../test/kit/faults/fault.ts';
import type { ServiceTime } from '../../test/kit/faults/service-time.ts';
import { meanServiceMs } from '../../test/kit/faults/service-time.ts';
import type { ArmSpec } from '../arms.ts';
import { crowded, type Placement } from '../echo/placement.ts';
import { constantRate, type Stretch } from '../load/schedule/stretches.ts';
import { type Arm, checkAnswers, startArms, stopArms } from '../process/arms.ts';
import type { BenchWorker } from '../process/fleet.ts';
import type { RunOptions } from '../scenario.ts';
import { type OpenWindow, openWindow } from './open-window.ts';

export interface Condition {
  readonly name: string;
  readonly placement: Placement;
  readonly serviceTime: ServiceTime;
  /** Execution slots of each worker. */
  readonly slots: number;
  readonly rate: readonly Stretch[];
  readonly deadlineMs: number;
  readonly path?: string;
  /** Broken from before the warm-up until the window has ended, on the workers of the arm that is measured. */
  readonly broken?: (workers: readonly BenchWorker[], round: number) => Promise<Injected[]>;
  /** Broken and healed while it is measured; `startMs` on the axis of performance.now(). */
  readonly during?: (arm: Arm, startMs: number) => Promise<void>;
}

export interface Measurement {
  readonly arm: string;
  readonly round: number;
  readonly window: OpenWindow;
}

export interface ExperimentOptions extends Pick<RunOptions, 'progress' | 'smoke'> {
  readonly arms: Readonly<Record<string, ArmSpec>>;
  readonly rounds: number;
  readonly warmUpSeconds: number;
  /** Of the arms that have a rate of their own: how it goes. */
  readonly rates?: Readonly<Record<string, readonly Stretch[]>>;
  /** With the arms running and before they are measured. */
  readonly prepare?: (arms: readonly Arm[]) => Promise<void>;
  /** Around each window: what it returns is called with the window. */
  readonly watch?: (arm: Arm) => Promise<(window: OpenWindow) => Promise<void>>;
}

/** Where the shards of all arms are. Half as many processes to start show as well that it runs. */
export function placementOf({ placement }: Pick<Condition, 'placement'>, smoke: boolean): Placement {
  return smoke ? crowded(placement, 4) : placement;
}

/** What all arms measured, in order of time. */
export async function experiment(condition: Condition, options: ExperimentOptions): Promise<Measurement[]> {
  const { serviceTime, slots } = condition;
  const { rounds, progress, smoke } = options;
  const placement = placementOf(condition, smoke);
  const measurements: Measurement[] = [];
  let running: Arm[] = [];
  try {
    progress(`${condition.name}: starting workers and roots`);
    running = await startArms(options.arms, { placement, serviceTime, slots });
    await checkAnswers(running);
    await options.prepare?.(running);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < running.length; i++) {
        const arm = running[(i + round) % running.length]!;
        progress(`${condition.name}, round ${round + 1} of ${rounds}, ${arm.name}`);
        const seen = await options.watch?.(arm);
        const window = await whileBroken(condition, arm.workers, round, () =>
          openWindow(arm, placement.shardCount, {
            rate: options.rates?.[arm.name] ?? condition.rate,
            warmUpSeconds: options.warmUpSeconds,
            deadlineMs: condition.deadlineMs,
            round,
            ...(condition.path === undefined ? {} : { path: condition.path }),
            ...(condition.during === undefined
              ? {}
              : { during: (startMs) => condition.during!(arm, startMs) }),
          }),
        );
        await seen?.(window);
        measurements.push({ arm: arm.name, round, window });
      }
    }
  } finally {
    await stopArms(running);
  }
  return measurements;
}

export async function whileBroken<T>(
  { broken }: Pick<Condition, 'broken'>,
  workers: readonly BenchWorker[],
  round: number,
  measure: () => Promise<T>,
): Promise<T> {
  const injected = (await broken?.(workers, round)) ?? [];
  try {
    return await measure();
  } finally {
    await Promise.all(injected.map((one) => one.heal()));
  }
}

/** Answers per second that all slots together can give: the load of 100 %. */
export function capacityPerSecond({
  placement,
  serviceTime,
  slots,
}: Pick<Condition, 'placement' | 'serviceTime' | 'slots'>): number {
  const busyMsPerAnswer = placement.shardCount * meanServiceMs(serviceTime);
  return (placement.workers.length * slots * 1000) / busyMsPerAnswer;
}

export function constant(perSecond: number, seconds: number): Stretch[] {
  return [constantRate(perSecond, seconds * 1000)];
}
