/** The machine that a simulated cluster runs on, its client included. */
import { type Random, seededRandom } from '../load/random.ts';

/** Who comes first gets a core, and keeps it until it has nothing left to do. */
export class Cores {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  take(granted: () => void): void {
    if (this.#free > 0) {
      this.#free--;
      granted();
    } else this.#waiting.push(granted);
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** CPU that an event loop needs, ms. */
export interface CpuCosts {
  /** Any, to begin again when it had nothing to do: the more comes together, the less each costs. */
  readonly wake: number;
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
  /** What a process has done beside its event loop: V8's compilers and collectors. As a share of the event loop's CPU, in bursts of so long on average, ms. */
  readonly background: { readonly share: number; readonly burstMs: number };
  /** For the bursts. */
  readonly random: Random;
}

const FREE: CpuCosts = { wake: 0, client: 0, request: 0, message: 0, task: 0, call: 0, handler: 0 };

/** Nothing takes any CPU: what policies do, and nothing else. */
export function freeMachine(): Machine {
  return {
    cores: new Cores(Number.POSITIVE_INFINITY),
    costs: FREE,
    background: { share: 0, burstMs: 0 },
    random: seededRandom(0),
  };
}

/**
 * Two cores for the root, its workers and the client. What things cost there was worked out from the CPU that each process used per request, at 16 shards
 * with 120 requests/s and at 64 with 60, without what it uses when idle: root 1.00 and 1.65 ms, each of 8 workers 0.26 and 0.56 ms, client
 * 0.9 ms. Of a message a busy root needs 35 µs less than that, which is to wake. V8's threads used a fifth of what the event loops did, in bursts of
 * which the average ms of work was in one of 6.9. `slowness` multiplies all of it but the bursts.
 */
export function sharedMachine(slowness: number, seed: number): Machine {
  return {
    cores: new Cores(2),
    costs: {
      wake: 0.037 * slowness,
      client: 0.41 * slowness,
      request: 0.145 * slowness,
      message: 0.02 * slowness,
      task: 0.0094 * slowness,
      call: 0.058 * slowness,
      handler: 0.0055 * slowness,
    },
    background: { share: 0.2, burstMs: 3.45 },
    random: seededRandom(seed),
  };
}
