/** The machine that a simulated cluster runs on, its client included. */
import { Cores } from './process.ts';

/** CPU that an event loop needs, ms. */
export interface CpuCosts {
  /** The client, to send a request; and to read its answer. */
  readonly client: number;
  /** The root, to take a request in; and to answer it. */
  readonly request: number;
  /** The root, to read one message of a worker, however many tasks are in it. */
  readonly message: number;
  /** The root, for each task in it. */
  readonly task: number;
  /** A worker, to take a leaf call in; and to send what is ready. */
  readonly call: number;
  /** A worker, to begin a task; and to end it. */
  readonly handler: number;
}

export interface Machine {
  readonly cores: Cores;
  readonly costs: CpuCosts;
}

/** Nothing takes any CPU: what policies do, and nothing else. */
export function freeMachine(): Machine {
  return {
    cores: new Cores(Number.POSITIVE_INFINITY),
    costs: { client: 0, request: 0, message: 0, task: 0, call: 0, handler: 0 },
  };
}

/**
 * Two cores for the root, its workers and the client. What things cost there was worked out from the CPU that each process used per request, at 16 shards
 * with 120 requests/s and at 64 with 60, without what it uses when idle: root 1.00 and 1.65 ms, each of 8 workers 0.26 and 0.56 ms, client
 * 0.9 ms; 9.4 µs per task of a root are those of a busy one. `slowness` multiplies all of it.
 */
export function sharedMachine(slowness: number): Machine {
  return {
    cores: new Cores(2),
    costs: {
      client: 0.45 * slowness,
      request: 0.18 * slowness,
      message: 0.057 * slowness,
      task: 0.0094 * slowness,
      call: 0.077 * slowness,
      handler: 0.024 * slowness,
    },
  };
}
