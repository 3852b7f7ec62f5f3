/** A window of an experiment in virtual time: the requests, arrivals, placement and service times that the processes had, and the same policies. */
import { status } from '@grpc/grpc-js';
import type { PolicyOptions } from '../../root/policy.ts';
import { serviceMs } from '../../test/kit/faults/service-time.ts';
import { seededRandom, seedOf } from '../load/random.ts';
import { scheduleOf } from '../load/schedule/schedule.ts';
import type { Condition } from '../measure/experiment.ts';
import { type OpenLoad, requestNumber, scheduleOfWindow } from '../measure/open-window.ts';
import { VirtualClock } from './clock.ts';
import { SimCluster } from './cluster.ts';
import { wireMs } from './draw.ts';

export type SimulatedCondition = Pick<
  Condition,
  'placement' | 'serviceTime' | 'slots' | 'rate' | 'deadlineMs'
>;

export interface SimWindow {
  /** Of answers with status OK, from when they were due, ms, in order of their arrival. */
  readonly latencies: readonly number[];
  readonly failed: number;
  /** Tasks that workers began above one for each shard of each request: 0 to 1. */
  readonly extraTasks: number;
}

/** Tasks that wait at a worker: none of these experiments fills it. */
const QUEUE = 100_000;

export async function simulateWindow(
  condition: SimulatedCondition,
  policy: PolicyOptions,
  { warmUpSeconds, round }: Pick<OpenLoad, 'warmUpSeconds' | 'round'>,
): Promise<SimWindow> {
  const { placement, serviceTime, slots, rate, deadlineMs } = condition;
  const clock = new VirtualClock();
  const [choices, wire] = [0, 1].map((index) => seededRandom(seedOf(round + 1, index)));
  const cluster = new SimCluster({
    placement,
    timeoutMs: deadlineMs,
    policy,
    model: {
      slots,
      queue: QUEUE,
      // A task waits by a timer of Node, which drops the part of a millisecond and then fires up to about one late: rounding up stands for both.
      serviceMs: (request, shard, worker) => Math.ceil(serviceMs(serviceTime, request, shard, worker)),
      wireMs: () => wireMs(wire!),
    },
    clock,
    random: choices!,
  });
  const { times, warmUpCount, durationMs } = scheduleOf(scheduleOfWindow({ rate, warmUpSeconds, round }));
  const latencies: number[] = [];
  let failed = 0;
  times.forEach((time, nth) => {
    const dueAt = time + warmUpSeconds * 1000;
    clock.at(dueAt, () =>
      cluster.ask(requestNumber(round, nth), (code) => {
        if (nth < warmUpCount) return;
        if (code === status.OK) latencies.push(clock.now() - dueAt);
        else failed++;
      }),
    );
  });
  await clock.run(warmUpSeconds * 1000 + durationMs + 2 * deadlineMs);
  cluster.close();
  const began = cluster.workers.reduce((sum, { started }) => sum + started, 0);
  return { latencies, failed, extraTasks: began / (times.length * placement.shardCount) - 1 };
}
