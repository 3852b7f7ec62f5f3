/**
 * Keeps what hangs from taking every execution slot. Tasks of one method on one shard share a compartment. Those that have had their slot for many
 * times as long as is typical hang; while a compartment has any, it may use only so many slots as all that hangs has left:
 *
 *     running in the compartment < slots - what hangs in all compartments
 *
 * From when one is seen to hang until the next that ends in time, its other tasks count as if they hung: or all slots would be taken anew each time
 * that the hanging ones end together. So one compartment that hangs comes to hold half of the slots, two a third each, and as much again stays for the others: the dynamic thresholds
 * of Choudhury and Hahne ("Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998) with a factor of 1. A few
 * stragglers cost next to nothing, and where no other compartment has work there is nobody to keep slots for. What finds no room waits
 * until some is given back (docs/decisions/0017-bulkheads-at-workers.md).
 */
import type { Job } from './execution.ts';
import type { TypicalTime } from './pace.ts';
import { FairQueue } from './queue.ts';

/** Of exponential service times 1 in 250 takes longer than so many medians; of a hanging disk nearly all do. */
const HANGS_TIMES = 8;
/** What takes less does no harm, and a pause of the event loop makes it of anything. */
const HANGS_MS = 10;
/** A compartment whose last task came longer ago needs no slots kept for it. */
const REMEMBERED_MS = 10_000;

/** The tasks of one method on one shard. */
export class Compartment {
  readonly typical: TypicalTime;
  /** Running, and not known to hang, in the order in which they began. */
  readonly fresh = new Set<Job>();
  hanging = 0;
  /** The last that is known of it is that a task hung. */
  suspect = false;
  readonly held = new FairQueue<Job>();
  toldAt = Number.NEGATIVE_INFINITY;

  constructor(typical: TypicalTime) {
    this.typical = typical;
  }

  get running(): number {
    return this.fresh.size + this.hanging;
  }

  /** Nothing has ended yet: nobody knows what is long. */
  get hangsAfterMs(): number {
    const { ms } = this.typical;
    return ms === 0 ? Number.POSITIVE_INFINITY : Math.max(HANGS_MS, HANGS_TIMES * ms);
  }
}

export class Bulkheads {
  readonly #slots: number;
  /** Jobs that wait for room. */
  held = 0;
  #hanging = 0;
  readonly #holding = new Set<Compartment>();
  #latest: Compartment | undefined = undefined;
  /** When jobs of two compartments last came one after the other. */
  #sharedAt = Number.NEGATIVE_INFINITY;

  constructor(slots: number) {
    this.#slots = slots;
  }

  came(compartment: Compartment, now: number): void {
    if (compartment === this.#latest) return;
    if (this.#latest !== undefined) this.#sharedAt = now;
    this.#latest = compartment;
  }

  /** Whether one more may run. */
  hasRoom(compartment: Compartment, now: number): boolean {
    const { fresh } = compartment;
    if (fresh.size > 0) this.#sweep(compartment, now);
    const { suspect, hanging } = compartment;
    if ((hanging === 0 && !suspect) || now - this.#sharedAt > REMEMBERED_MS) return true;
    const taken = compartment.running + (suspect ? fresh.size : 0);
    return taken < this.#slots - this.#hanging;
  }

  /** Has a slot, and keeps it for a while. */
  began(job: Job, compartment: Compartment): void {
    compartment.fresh.add(job);
  }

  ended(job: Job, compartment: Compartment, now: number): void {
    this.#sweep(compartment, now);
    if (compartment.fresh.delete(job)) {
      if (!job.givenUp) compartment.suspect = false;
      return;
    }
    compartment.hanging -= 1;
    this.#hanging -= 1;
  }

  /** Says whether it is to be told to somebody: the first in a while. */
  hold(job: Job, compartment: Compartment, now: number): boolean {
    compartment.held.push(job);
    this.#holding.add(compartment);
    this.held += 1;
    if (now - compartment.toldAt < REMEMBERED_MS) return false;
    compartment.toldAt = now;
    return true;
  }

  remove(job: Job): boolean {
    const { compartment } = job;
    if (compartment === undefined || !compartment.held.remove(job)) return false;
    this.#left(compartment);
    return true;
  }

  /** One that has room now, unless something of a higher priority waits elsewhere. */
  shift(now: number, priority: number): Job | undefined {
    for (const compartment of this.#holding) {
      if (compartment.held.priority < priority || !this.hasRoom(compartment, now)) continue;
      const job = compartment.held.shift();
      this.#left(compartment);
      return job;
    }
    return undefined;
  }

  #left(compartment: Compartment): void {
    this.held -= 1;
    if (compartment.held.size === 0) this.#holding.delete(compartment);
  }

  #sweep(compartment: Compartment, now: number): void {
    const { fresh } = compartment;
    const hangsFrom = now - compartment.hangsAfterMs;
    for (const job of fresh) {
      if (job.startedAt > hangsFrom) return;
      fresh.delete(job);
      compartment.suspect = true;
      compartment.hanging += 1;
      this.#hanging += 1;
    }
  }
}
