/**
 * Keeps what hangs from taking every execution slot. Tasks of one method on one shard share a compartment. Those that have had their slot for many
 * times as long as is usual hang; while a compartment has any, it may use only so many slots as all that hangs has left:
 *
 *     running in the compartment < slots - what hangs in all compartments
 *
 * Once several in a row have hung, and until one has ended in time, the compartment's other tasks count as hanging too: or all slots would be
 * taken anew each time that the hanging ones end together. So one compartment that hangs comes to hold half of the slots, two a third each, and as much again stays
 * for the others: the dynamic thresholds of Choudhury and Hahne ("Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
 * 1998) with a factor of 1. Where nothing else has had work there is nobody to keep slots for. What finds no room waits
 * until some is given back (docs/decisions/0017-bulkheads-at-workers.md).
 */
import type { Job } from './execution.ts';
import type { TypicalTime } from './pace.ts';
import { FairQueue } from './queue.ts';

/** Of exponential service times 1 in 250 takes longer than so many medians; of a hanging disk nearly all do. */
const HANGS_TIMES = 8;
/** What takes less does no harm. */
const HANGS_MS = 10;
/** One that was given up before it hung, but not before so many medians, would have. */
const GIVEN_UP_TIMES = 3;
/** So many in a row that hung, none having ended in time, aren't stragglers. */
const SUSPECT_AFTER = 3;
/** A compartment whose last task came longer ago needs no slots kept for it. */
const REMEMBERED_MS = 10_000;
/** Between two words to the log about one compartment. */
const TOLD_MS = 60_000;
/** So many turns of the event loop later whatever was done in a pause has ended: its timers and its I/O have had theirs. */
const TURNS = 2;

/** The tasks of one method on one shard. */
export class Compartment {
  readonly method: string;
  readonly shard: number;
  readonly typical: TypicalTime;
  /** Running, and not known to hang, in the order in which they began. */
  readonly fresh = new Set<Job>();
  hanging = 0;
  /** Tasks that hung since the last that ended in time. */
  streak = 0;
  readonly held = new FairQueue<Job>();
  toldAt = Number.NEGATIVE_INFINITY;

  constructor(method: string, shard: number, typical: TypicalTime) {
    this.method = method;
    this.shard = shard;
    this.typical = typical;
  }

  get running(): number {
    return this.fresh.size + this.hanging;
  }

  /** It isn't just a pause of the event loop. */
  get hangs(): boolean {
    return this.hanging > 0 || this.suspect;
  }

  get suspect(): boolean {
    return this.streak >= SUSPECT_AFTER;
  }

  /** As long as nothing has ended, nobody knows what is long. */
  hangsAfterMs(times: number): number {
    const { endedMs } = this.typical;
    return endedMs === 0 ? Number.POSITIVE_INFINITY : Math.max(HANGS_MS, times * endedMs);
  }
}

export interface BulkheadOptions {
  readonly slots: number;
  /** Jobs that may wait, here and elsewhere. */
  readonly queue: number;
  /** What is held back is to be looked at again: more is known than when it was. */
  readonly onSure: () => void;
  /** Told, and not often, of a compartment whose tasks have to wait. */
  readonly onHang: ((compartment: Compartment) => void) | undefined;
}

export class Bulkheads {
  readonly #slots: number;
  readonly #queue: number;
  /** Jobs that wait for room. */
  held = 0;
  #hanging = 0;
  /** Fresh ones of compartments that are suspect. */
  #doubtful = 0;
  readonly #holding = new Set<Compartment>();
  /** What came last: a compartment, or undefined for what has none. */
  #latest: Compartment | undefined | null = null;
  /** When jobs of two compartments last came one after the other. */
  #sharedAt = Number.NEGATIVE_INFINITY;
  /** Turns of the event loop, as far as they matter: while something is overdue that isn't known to hang. */
  #turn = 0;
  /** So many more are counted. */
  #turnsLeft = 0;
  readonly #onSure: () => void;
  readonly #onHang: ((compartment: Compartment) => void) | undefined;

  constructor(options: BulkheadOptions) {
    this.#slots = options.slots;
    this.#queue = options.queue;
    this.#onSure = options.onSure;
    this.#onHang = options.onHang;
  }

  came(compartment: Compartment | undefined, now: number): void {
    if (compartment === this.#latest) return;
    if (this.#latest !== null) this.#sharedAt = now;
    this.#latest = compartment;
  }

  /** Whether one more may run; `free`: slots that nobody uses. */
  hasRoom(compartment: Compartment, free: number, now: number): boolean {
    const { fresh } = compartment;
    const overdue = fresh.size > 0 ? this.#sweep(compartment, now) : 0;
    if (overdue === 0 && compartment.streak === 0 && compartment.hanging === 0) return true;
    if (now - this.#sharedAt > REMEMBERED_MS) return true;
    const { suspect } = compartment;
    // Stragglers may hold all that it may have. Then one at a time goes on, so that it is seen whether it hangs, as long as a quarter is left.
    if (fresh.size === overdue && !suspect && free > Math.max(1, this.#slots / 4)) return true;
    const hanging = this.#hanging + this.#doubtful + (suspect ? 0 : overdue);
    if (compartment.running < this.#slots - hanging) return true;
    if (compartment.hangs && now - compartment.toldAt >= TOLD_MS) {
      compartment.toldAt = now;
      this.#onHang?.(compartment);
    }
    return false;
  }

  /** Has a slot, and keeps it for a while. */
  began(job: Job, compartment: Compartment): void {
    compartment.fresh.add(job);
    if (compartment.suspect) this.#doubtful++;
  }

  ended(job: Job, compartment: Compartment, now: number): void {
    if (!compartment.fresh.delete(job)) {
      compartment.hanging--;
      this.#hanging--;
      return;
    }
    if (compartment.suspect) this.#doubtful--;
    const tookMs = now - job.startedAt;
    if (job.givenUp) {
      const hung = tookMs > compartment.hangsAfterMs(GIVEN_UP_TIMES);
      if (hung) this.#setStreak(compartment, compartment.streak + 1);
    } else if (tookMs <= compartment.hangsAfterMs(HANGS_TIMES)) this.#setStreak(compartment, 0);
  }

  /**
   * It waits, if there is room for that: a compartment may hold half as many as there would be places in the queue but for all that is held. Returns the
   * one that there is no room for: itself, or one of its compartment that matters less.
   */
  hold(job: Job, compartment: Compartment): Job | undefined {
    const { held } = compartment;
    let last: Job | undefined;
    if (held.size >= (this.#queue - this.held) / 2) {
      last = held.lastBelow(job.priority);
      if (last === undefined) return job;
      this.remove(last);
    }
    held.push(job);
    this.#holding.add(compartment);
    this.held++;
    return last;
  }

  remove(job: Job): boolean {
    const { compartment } = job;
    if (compartment === undefined || !compartment.held.remove(job)) return false;
    this.#left(compartment);
    return true;
  }

  /** The next that has room now, unless something of a higher priority waits elsewhere. Compartments of one priority take turns. */
  shift(priority: number, free: number, now: number): Job | undefined {
    let next: Compartment | undefined;
    for (const compartment of this.#holding) {
      if (compartment.held.priority < (next?.held.priority ?? priority)) continue;
      if (next !== undefined && compartment.held.priority === next.held.priority) continue;
      if (this.hasRoom(compartment, free, now)) next = compartment;
    }
    if (next === undefined) return undefined;
    const job = next.held.shift();
    this.#holding.delete(next);
    this.#holding.add(next);
    this.#left(next);
    return job;
  }

  /** The one that would go last of those of a lower priority. */
  lastBelow(priority: number): Job | undefined {
    let last: Job | undefined;
    for (const { held } of this.#holding) last = held.lastBelow(last?.priority ?? priority) ?? last;
    return last;
  }

  #left(compartment: Compartment): void {
    this.held--;
    if (compartment.held.size === 0) this.#holding.delete(compartment);
  }

  #setStreak(compartment: Compartment, streak: number): void {
    const was = compartment.suspect;
    compartment.streak = streak;
    if (compartment.suspect === was) return;
    this.#doubtful += was ? -compartment.fresh.size : compartment.fresh.size;
  }

  readonly #onTurn = (): void => {
    this.#turn++;
    if (--this.#turnsLeft > 0) setImmediate(this.#onTurn);
    if (this.held > 0) this.#onSure();
  };

  /**
   * What is overdue hangs if it still is `TURNS` turns later: after a pause of the event loop everything is overdue. Returns how many aren't known to
   * hang yet.
   */
  #sweep(compartment: Compartment, now: number): number {
    const hangsFrom = now - compartment.hangsAfterMs(HANGS_TIMES);
    let overdue = 0;
    for (const job of compartment.fresh) {
      if (job.startedAt > hangsFrom) break;
      if (job.overdueIn === -1) {
        job.overdueIn = this.#turn;
        if (this.#turnsLeft === 0) setImmediate(this.#onTurn);
        this.#turnsLeft = TURNS;
      }
      if (this.#turn - job.overdueIn < TURNS) {
        overdue++;
        continue;
      }
      compartment.fresh.delete(job);
      if (compartment.suspect) this.#doubtful--;
      compartment.hanging++;
      this.#hanging++;
      this.#setStreak(compartment, compartment.streak + 1);
    }
    return overdue;
  }
}
