/**
 * How soon what was broken is in use again once it is healed. Answers don't show it, as each shard has another replica: what does is that its
 * links are up, that the breakers which it has at the root, its own and its replicas', are closed, and that a first attempt which it was sent
 * since then is answered. Each has a bound that follows from how the root works; docs/guides/breakers.md, "How soon it is back":
 *
 * - **Links.** A link that was never lost is up. One that failed all the time is tried again after 50 ms, doubled each time, at least half of
 *   which is waited: the steps before the last sum up to no more than twice the time of the fault, and so the last is no longer than that and
 *   50 ms. No try hangs for longer, as all faults of the kit end those that do when they are healed.
 * - **Breakers**: two steps, since a probe may fail as it is healed, and the time of the probes.
 * - **First attempts.** What is remembered against it: the load that it last reported, for a second; and how it was when it was last heard of, for a second, which
 *   doubles with every try in vain, so for no longer than it was broken and a second more. Then it is tried with the next of its shards' tasks. Below
 *   twice the usual that fades, with a time constant of 10 s, until it is the better choice: with n tasks at its sibling, once it is less than √(n + 1) times as slow.
 *
 * All of it but for what this process stood still.
 */
import type { ExecutionContext } from 'ava';
import type { Stalls } from './stalls.ts';
import type { StatusZ } from './statusz.ts';
import type { Witness } from './witness.ts';

const FIRST_RETRY_MS = 50;
/** gRPC's own: 100, and a fifth more. */
const PLAIN_RETRY_MS = 120;
/** Of a breaker's backoff. */
const JITTER = 1.2;
/**
 * Three probes for each of four replicas, one after the other: each takes a task's time, 8 ms at most, and the next request's to come by.
 */
const TRIES_MS = 12 * 25;
/**
 * After a reconnect it is a newcomer next to a sibling that wasn't lost, or was found sooner, and has its first try with one in twenty of its
 * shards' tasks, whatever time those take to come. Half of all are its shards', and of so many all miss it once in a million times.
 */
const NEWCOMER_TASKS = 2 * 270;
const REPORT_MS = 1000;
/** From this average on it is tried again instead of waiting for it to fade. */
const AVOIDED = 2;
const FIRST_QUIET_MS = 1_000;
const TAU_MS = 10_000;
/** A sibling's average is no lower than this: 1 is usual. */
const FASTEST = 0.75;
/** It is looked at as soon as a request has ended. */
const FIRST_LOOK_MS = 10;
/** Bounds are below it; then the test says what is left. */
const GIVE_UP_MS = 30_000;

export interface Healed {
  readonly ids: readonly string[];
  readonly healedAt: number;
  /** How long it was broken. */
  readonly brokenMs: number;
  /** Its connections were lost, or may have been. */
  readonly reconnects: boolean;
  readonly backoffMs: number;
  readonly by: 'link' | 'plain';
  /** Tasks that a sibling has at least, when the next one is placed. */
  readonly atSibling: number;
}

export class Recovery {
  readonly #healed: Healed;
  readonly #witness: Witness;
  /** Since it was healed, ms; NaN: not yet. */
  #linkedMs = Number.NaN;
  #closedMs = Number.NaN;
  #usedMs = Number.NaN;
  /** By worker, when it is in reach, or will be if nothing is heard of it: tried again, or its latency forgotten enough. */
  readonly #reachMs = new Map<string, number>();
  #tasksBefore = 0;
  /** First attempts, at whatever, from when it could be asked until it was. */
  #tasks = Number.POSITIVE_INFINITY;
  #left = '';

  constructor(healed: Healed, witness: Witness) {
    this.#healed = healed;
    this.#witness = witness;
  }

  /** Looks at the root; true: all is as it was. */
  over(status: StatusZ): boolean {
    const { ids, healedAt, by } = this.#healed;
    const atMs = performance.now() - healedAt;
    const workers = status.workers.filter(({ id }) => ids.includes(id));
    const replicas = status.shards
      .flatMap((shard) => shard.replicas)
      .filter((one) => ids.includes(one.worker));
    const down = workers.filter(({ state }) => state !== by).map(({ id }) => id);
    if (down.length === 0 && Number.isNaN(this.#linkedMs)) this.#linkedMs = atMs;
    const open = [...workers, ...replicas].filter(({ breaker }) => breaker !== 'closed');
    if (down.length + open.length === 0 && Number.isNaN(this.#closedMs)) {
      this.#closedMs = atMs;
      this.#tasksBefore = this.#witness.first;
    }
    const unused = ids.filter((id) => (this.#witness.answeredOf.get(id) ?? 0) < healedAt);
    // A link that is made anew begins with nothing known.
    for (const id of down.length > 0 ? [] : unused) {
      const before = this.#reachMs.get(id) ?? Number.POSITIVE_INFINITY;
      const reachMs = this.#withinReachMs(status, id, atMs);
      // It has been in reach since then; else what was heard meanwhile counts.
      if (!(before <= atMs && reachMs === atMs)) this.#reachMs.set(id, reachMs);
    }
    if (down.length + open.length + unused.length === 0) {
      this.#usedMs = atMs;
      this.#tasks = this.#witness.first - this.#tasksBefore;
    }
    this.#left = `links down: ${down}; breakers not closed: ${open.length}; not in use: ${unused}`;
    return !Number.isNaN(this.#usedMs);
  }

  get hopeless(): boolean {
    return performance.now() - this.#healed.healedAt > GIVE_UP_MS;
  }

  check(t: ExecutionContext, stalls: Stalls): void {
    const { healedAt, brokenMs, reconnects, backoffMs, by } = this.#healed;
    const within = (what: string, sinceMs: number, ms: number, boundMs: number): void => {
      const untilMs = Number.isNaN(ms) ? GIVE_UP_MS : ms;
      const stalledMs = stalls.between(healedAt + sinceMs, healedAt + untilMs);
      t.true(
        ms - sinceMs <= boundMs + stalledMs,
        `${what} after ${(untilMs - sinceMs).toFixed(0)} ms, not ${boundMs.toFixed(0)} ms and ${stalledMs.toFixed(0)} ms stalled; ${this.#left}`,
      );
    };
    within('links are up', 0, this.#linkedMs, reconnects ? FIRST_RETRY_MS + 2 * brokenMs : FIRST_LOOK_MS);
    // Of a plain connection that is made anew the root is told nothing: its first probe after that shows it.
    const connectsMs = by === 'plain' && reconnects ? PLAIN_RETRY_MS + 2 * brokenMs : 0;
    within(
      'breakers are closed',
      this.#linkedMs,
      this.#closedMs,
      connectsMs + 2 * JITTER * backoffMs + TRIES_MS,
    );
    if (reconnects && this.#tasks <= NEWCOMER_TASKS) return;
    within('in use', Math.max(this.#closedMs, REPORT_MS, ...this.#reachMs.values()), this.#usedMs, TRIES_MS);
  }

  /** When one of its replicas is within reach of that shard's others, or tried again, if nothing is heard of it meanwhile. */
  #withinReachMs({ shards }: StatusZ, id: string, atMs: number): number {
    const { brokenMs } = this.#healed;
    const reach = Math.sqrt(this.#healed.atSibling + 1);
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { replicas } of shards) {
      const own = replicas.find(({ worker }) => worker === id);
      if (own === undefined) continue;
      const best = Math.min(...replicas.filter((one) => one !== own).map(({ latency }) => latency));
      const near = own.latency <= reach * best;
      const fadedMs = TAU_MS * Math.log((own.latency - 1) / (reach * FASTEST - 1));
      const triedMs = own.latency >= AVOIDED ? brokenMs + FIRST_QUIET_MS : Number.POSITIVE_INFINITY;
      leastMs = Math.min(leastMs, near ? atMs : Math.min(triedMs, atMs + Math.max(0, fadedMs)));
    }
    return leastMs;
  }
}
