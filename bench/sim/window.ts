/** A window of an experiment in virtual time: the requests, arrivals, placement and service times that the processes had, and the same policies. */
import { status } from '@grpc/grpc-js';
import type { PolicyOptions } from '../../root/policy.ts';
import type { BlockedLoopOptions } from '../../test/kit/faults/blocked-loop.ts';
import { serviceMs } from '../../test/kit/faults/service-time.ts';
import { pauseMs } from '../../test/kit/faults/worker-faults.ts';
import { seededRandom, seedOf } from '../load/random.ts';
import { scheduleOf } from '../load/schedule/schedule.ts';
import type { Condition } from '../measure/experiment.ts';
import { type OpenLoad, requestNumber, scheduleOfWindow } from '../measure/open-window.ts';
import { VirtualClock } from './clock.ts';
import { SimCluster } from './cluster.ts';
import { loopbackMs } from './draw.ts';
import { sharedMachine } from './machine.ts';
import { SimProcess } from './process.ts';
import type { SimWorker } from './worker.ts';

export type SimulatedCondition = Pick<
  Condition,
  'placement' | 'serviceTime' | 'slots' | 'rate' | 'deadlineMs'
> & {
  /** Event loops stand still for `forMs` after pauses of `everyMs` in the mean, in that round. */
  readonly blocked?: (round: number) => Required<BlockedLoopOptions>;
};

export interface SimWindow {
  /** Of answers with status OK, from when they were due, ms, in order of their arrival. */
  readonly latencies: readonly number[];
  readonly failed: number;
  /** Tasks that workers began above one for each shard of each request: 0 to 1. */
  readonly extraTasks: number;
  /** Of one core, as OpenWindow tells it. */
  readonly rootCpu: number;
}

/** Tasks that wait at a worker: none of these experiments fills it. */
const QUEUE = 100_000;

/** `slowness`: of the machine that root, workers and client share, against the one on which their costs were measured. */
export async function simulateWindow(
  condition: SimulatedCondition,
  policy: PolicyOptions,
  { warmUpSeconds, round }: Pick<OpenLoad, 'warmUpSeconds' | 'round'>,
  slowness: number,
): Promise<SimWindow> {
  const { placement, serviceTime, slots, rate, deadlineMs } = condition;
  const clock = new VirtualClock();
  const [choices, wire] = [0, 1].map((index) => seededRandom(seedOf(round + 1, index)));
  const machine = sharedMachine(slowness, seedOf(round + 1, 2));
  const client = new SimProcess(clock, machine);
  const cluster = new SimCluster({
    placement,
    timeoutMs: deadlineMs,
    policy,
    model: {
      slots,
      queue: QUEUE,
      // A task waits by a timer of Node, which drops the part of a millisecond, and is itself a part of one early or late.
      serviceMs: (request, shard, worker) =>
        Math.max(0, Math.trunc(serviceMs(serviceTime, request, shard, worker)) + choices!() - choices!()),
      wireMs: () => loopbackMs(wire!),
    },
    machine,
    clock,
    random: choices!,
  });
  const blocks = condition.blocked?.(round);
  if (blocks !== undefined) for (const worker of cluster.workers) blockOften(worker, blocks);
  const { times, warmUpCount, durationMs } = scheduleOf(scheduleOfWindow({ rate, warmUpSeconds, round }));
  const latencies: number[] = [];
  let failed = 0;
  times.forEach((time, nth) => {
    const dueAt = time + warmUpSeconds * 1000;
    clock.at(dueAt, () =>
      client.run(machine.costs.client, () =>
        clock.at(clock.now() + loopbackMs(wire!), () =>
          cluster.ask(requestNumber(round, nth), (code) =>
            clock.at(clock.now() + loopbackMs(wire!), () =>
              client.run(machine.costs.client, () => {
                if (nth < warmUpCount) return;
                if (code === status.OK) latencies.push(clock.now() - dueAt);
                else failed++;
              }),
            ),
          ),
        ),
      ),
    );
  });
  await clock.run(warmUpSeconds * 1000 + durationMs + 2 * deadlineMs);
  cluster.close();
  const began = cluster.workers.reduce((sum, { started }) => sum + started, 0);
  return {
    latencies,
    failed,
    extraTasks: began / (times.length * placement.shardCount) - 1,
    rootCpu: cluster.root.usedMs / (warmUpSeconds * 1000 + durationMs),
  };
}

/** As the kit does to a worker's process. */
function blockOften(worker: SimWorker, options: Required<BlockedLoopOptions>, nth = 0): void {
  worker.clock.setTimer(
    () => {
      worker.process.block(options.forMs);
      worker.process.run(0, () => blockOften(worker, options, nth + 1));
    },
    pauseMs(options, nth, worker.index),
  );
}
