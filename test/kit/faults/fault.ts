/**
 * Breaking workers on purpose, for tests and for benchmark scenarios: one fault per file, all behind this interface. What is random in a
 * fault is drawn from a seed, so that a run can be had again.
 */
import type { FaultProxy } from './proxy.ts';
import type { Order, Tally } from './worker-faults.ts';

/** A worker in a process of its own that can be broken. */
export interface Target {
  readonly id: string;
  /** What roots dial: the proxy if there is one, else the worker itself. The same after a restart. */
  readonly address: string;
  readonly shards: readonly number[];
  /** In front of the worker; faults of the network need it. */
  readonly proxy: FaultProxy | undefined;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Kills the process as the machine would: no goodbye. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Another process with the same shards on the same port. */
  restart(): Promise<void>;
  /** Resolves when the worker has taken it: not before it runs again, if it is stopped or blocked. */
  order(order: Order): Promise<void>;
  tally(): Promise<Tally>;
}

/**
 * What callers of the target may see. `gone`: no task of its shards is answered. `lost`: nor is any, and who waits for one is told at once. `late`: some or all take longer, and may be answered after
 * the deadline. `failing`: some or all end with an error status, or with their connection. `shedding`: some or all are turned away.
 */
export type Effect = 'gone' | 'lost' | 'late' | 'failing' | 'shedding';

export interface Fault {
  /** "SIGKILL", "slow × 20": as pictures and failed assertions call it. */
  readonly label: string;
  readonly effect: Effect;
  /** Resolves once the target is broken. */
  inject(target: Target): Promise<Injected>;
}

export interface Injected {
  /** Resolves once the target is as it was before; what a root then makes of it is the root's affair. Idempotent. */
  heal(): Promise<void>;
}

/** Healing twice heals once. */
export function injected(heal: () => Promise<void> | void): Injected {
  let healed: Promise<void> | undefined;
  return {
    heal: () => {
      healed ??= Promise.resolve(heal());
      return healed;
    },
  };
}

export function proxyOf(target: Target, fault: string): FaultProxy {
  if (target.proxy === undefined) {
    throw new TypeError(`Expected a proxy in front of ${target.id}: "${fault}" is a fault of its network`);
  }
  return target.proxy;
}
