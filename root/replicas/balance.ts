/**
 * Which of a shard's replicas gets a task: the one with the lowest latency² × (tasks in flight + 1). All are looked at where there are three
 * or fewer, else two at random ("power of two choices"), so that roots don't flock to one; one of the two is near, if any is. Why the square: docs/decisions/0013-replica-choice.md.
 */

import type { Replica, Wanted } from './replica-set.ts';

/** What a choice is made with, for all tasks of a request. */
export interface Chooser {
  /** The root's own; undefined: all zones are alike. */
  readonly zone: string | undefined;
  /** 0 … 1 */
  readonly random: () => number;
}

/** Up to so many replicas all are compared. */
const ALL = 3;
/** How much worse a replica of the root's own zone must be before one elsewhere is asked. */
const OTHER_ZONE = 2;
const LEFT_ALONE = 1e9;
/** The part of a shard's tasks that a replica gets of which nothing is known, while others are known. */
const NEWCOMER_SHARE = 0.05;
/** Samples that make a sibling one of the others that are known. */
const SETTLED = 20;

/** Whose task it is, and when it is placed. */
export type Method = Pick<Wanted, 'usualMs' | 'streaming' | 'now'>;

/** Lower is better. */
export function scoreOf(replica: Replica, method: Method, zone: string | undefined): number {
  const { worker, latency } = replica;
  const { now } = method;
  const { load } = worker;
  let relative = latency.relative(now);
  // What it owes an answer for has taken so long already.
  const silent = load.silence(now, method);
  if (silent > relative) relative = silent;
  // It asked to be left alone, and nothing else tells how much it has: only if all have.
  if (load.pushbackUntil > now && !load.isReported(now)) return LEFT_ALONE + load.pushbackUntil - now;
  const score = (relative * relative * (load.inFlight(now) + 1)) / worker.weight;
  return zone === undefined || worker.zone === zone ? score : score * OTHER_ZONE;
}

/** The best of `candidates`, which aren't empty; they are in no particular order and all can be asked. */
export function best(candidates: readonly Replica[], method: Method, { zone, random }: Chooser): Replica {
  const count = candidates.length;
  if (count === 1) return candidates[0]!;
  if (count > ALL) {
    const [a, b] = twoOf(candidates, zone, random);
    return scoreOf(b, method, zone) < scoreOf(a, method, zone) ? b : a;
  }
  // From anywhere, in either direction, so that equals share, also next to one that isn't.
  const order = Math.floor(random() * 2 * count);
  const from = order % count;
  const step = order < count ? 1 : count - 1;
  let chosen = candidates[from]!;
  let lowest = scoreOf(chosen, method, zone);
  for (let i = 1; i < count; i++) {
    const candidate = candidates[(from + i * step) % count]!;
    const score = scoreOf(candidate, method, zone);
    if (score < lowest) {
      lowest = score;
      chosen = candidate;
    }
  }
  return chosen;
}

/** At random; with one of the root's own zone, if it has any: those of others would else often be among themselves. */
function twoOf(
  candidates: readonly Replica[],
  zone: string | undefined,
  random: () => number,
): [Replica, Replica] {
  const count = candidates.length;
  const near = zone === undefined ? [] : candidates.filter(({ worker }) => worker.zone === zone);
  const first =
    near.length === 0
      ? Math.floor(random() * count)
      : candidates.indexOf(near[Math.floor(random() * near.length)]!);
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  return [candidates[first]!, candidates[second]!];
}

/**
 * A replica of which nothing is known, or nothing any more, next to others that are: it is given one task at a time, and few, until it is. At a
 * cold start all are unknown, and none is a newcomer.
 */
export function isNewcomer(replica: Replica, siblings: readonly Replica[], now: number): boolean {
  if (replica.latency.known(now)) return false;
  for (let i = 0; i < siblings.length; i++) {
    const { latency } = siblings[i]!;
    if (latency.samples >= SETTLED && latency.known(now)) return true;
  }
  return false;
}

/** Whether this task is the one that a newcomer gets now. */
export function mayTry({ worker, latency }: Replica, random: () => number, now: number): boolean {
  if (latency.trying || worker.load.pushbackUntil > now) return false;
  return latency.isTriedAgain(now) || random() < NEWCOMER_SHARE;
}
