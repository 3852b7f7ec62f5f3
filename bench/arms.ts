/**
 * The roots that scenarios compare. An arm is plain data, because its root runs in a process of its own; a scenario names the arms it takes
 * and may add some of its own, such as `links` with one policy off.
 */
import type { WorkerKind } from './process/worker.ts';
import type { RegatherArm } from './regather/root.ts';

export type RootKind =
  | { readonly kind: 'by-hand' | 'batched' | 'empty' }
  /** grpc-js's own hedging, after so long. */
  | { readonly kind: 'hedged'; readonly delayMs: number }
  | ({ readonly kind: 'regather' } & RegatherArm);

export interface ArmSpec {
  /** What it is, for people. */
  readonly text: string;
  readonly root: RootKind;
  /** Undefined: it needs none. */
  readonly workers: WorkerKind | undefined;
  /** µs of CPU that the root burns on top of each answer: for tests of what finds slower arms. */
  readonly burnUs?: number;
}

export const byHand: ArmSpec = {
  text: 'hand-written: Promise.all over unary grpc-js calls, one per shard',
  root: { kind: 'by-hand' },
  workers: 'by-hand',
};

export const batched: ArmSpec = {
  text: 'hand-written, batched: one unary grpc-js call per worker',
  root: { kind: 'batched' },
  workers: 'by-hand',
};

/** `delayMs`: about the 95th percentile of a leaf call. */
export function hedgedByHand(delayMs: number): ArmSpec {
  return {
    text: `by hand, hedged by grpc-js's own hedgingPolicy after ${delayMs} ms`,
    root: { kind: 'hedged', delayMs },
    workers: 'by-hand',
  };
}

export const empty: ArmSpec = {
  text: 'a grpc-js server that answers by itself: the floor',
  root: { kind: 'empty' },
  workers: undefined,
};

export const plain: ArmSpec = regather('Regather, its links turned off: unary calls, one per shard', {
  links: false,
});

export const links: ArmSpec = regather('Regather over links, as it comes');

/** What policies cost, and what they are worth, is told against this. */
export const linksWithoutPolicies: ArmSpec = regather(
  'Regather over links, every policy off: tasks take turns, no hedges, retries, breakers, ejection or admission',
  {
    policy: {
      balance: { by: 'turns' },
      hedge: { enabled: false },
      retry: { enabled: false },
      breaker: { enabled: false },
      admission: { enabled: false },
      ejection: { enabled: false },
    },
  },
);

export const linksWithoutCombining: ArmSpec = {
  ...regather('Regather over links, workers do not combine their shards'),
  workers: 'regather-no-combine',
};

/** Regather with options of its own. */
export function regather(text: string, options: RegatherArm = {}): ArmSpec {
  return { text, root: { kind: 'regather', ...options }, workers: 'regather' };
}

/** Their texts, as a scenario states them. */
export function describeArms(arms: Readonly<Record<string, ArmSpec>>): Record<string, string> {
  return Object.fromEntries(Object.entries(arms).map(([name, { text }]) => [name, text]));
}
