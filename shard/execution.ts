/**
 * Who runs, and when: p-limit hands out the execution slots, a bounded fair queue is ahead of it. Work whose time has passed never
 * starts, and work that can't be done in the time that is left is turned away before it waits (docs/decisions/0010-shedding-at-workers.md). Tasks that finish synchronously share one slot one after the other, so a burst of small ones costs one slot and
 * no promise each; after `turnMs` of that the event loop gets its turn, or no Cancel would ever be read.
 */
import { availableParallelism } from 'node:os';
import pLimit, { type LimitFunction } from 'p-limit';
import { type Clock, systemClock } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import { Bulkheads, type Compartment } from './bulkheads.ts';
import { Pace, type TypicalTime } from './pace.ts';
import { FairQueue, Queued } from './queue.ts';

/** Why there is no room for a job: for nobody of its priority, not in the time that it has, or for others of its method and shard hang. */
export type TurnedAway = 'queue_full' | 'too_late' | 'shard_hangs';

/** One execution: a task of a leaf call, or a plain call. Times are ms on the clock. */
export abstract class Job extends Queued {
  abstract readonly deadline: number;
  /** When it was submitted; set by `submit`. */
  queuedAt = 0;
  /** When it got its slot. */
  startedAt = 0;
  /** The bulkheads': the turn of theirs in which it was first seen to be overdue; -1: it wasn't. */
  overdueIn = -1;
  /** How long jobs of its kind take; undefined: they take as long as their reader. */
  readonly typical: TypicalTime | undefined = undefined;
  /** Those that it hangs with, if they do. Undefined: it is nobody's neighbour. */
  readonly compartment: Compartment | undefined = undefined;
  /** Its caller wants it no more: when it ends says nothing. */
  get givenUp(): boolean {
    return false;
  }
  /** The rest of one that began before. */
  readonly resumed: boolean = false;
  /** It has a slot. Returns undefined if it is done, else what it waits for, which never rejects and never takes for ever. */
  abstract run(now: number): Promise<void> | undefined;
  /** Its time ran out while it waited: it never runs. */
  abstract expire(): void;
  /** It waited, and never runs: others that matter more, or can still be done, get the slot. */
  abstract turnAway(why: TurnedAway): void;
  /** Others of its compartment hang, so it waits for those, or is turned away. */
  heldBack(): void {}
}

export interface ExecutionOptions {
  /**
   * Tasks that run at once. Default 2 × the cores this process may use, at least 4: handlers share one JavaScript thread, so
   * more slots than that only help those that wait for I/O, and each one more makes all others wait longer.
   */
  readonly concurrency?: number;
  /**
   * Tasks that may wait for a slot. Default 1000: with tasks of 1 ms and 4 slots that is 250 ms of waiting, a quarter of the default
   * deadline; a longer queue would mostly hold work that expires in it. 0: none waits.
   */
  readonly queue?: number;
  readonly clock?: Clock;
  /** Told of what a job's `run` threw, which none should: its slot is given back all the same. Default: nobody is. */
  readonly onDefect?: (error: unknown) => void;
  /** Told, once a minute at most for each, of compartments whose tasks wait because others of theirs hang. Default: nobody is. */
  readonly onHang?: (compartment: Compartment) => void;
  /** How long tasks may keep the event loop before I/O gets its turn. Default 5 ms, well below a link's silence limit. */
  readonly turnMs?: number;
}

/** What happened to tasks since the start; only ever rises. */
export interface ExecutionCounts {
  started: number;
  finished: number;
  /** Turned away because the queue was full, or its part of it. */
  refused: number;
  /** Turned away because they could not have been done in time. */
  tooLate: number;
  cancelledBeforeStart: number;
  expiredBeforeStart: number;
  /** Waited or were turned away because others of their method and shard hung, or had yet to show that they didn't. */
  heldBack: number;
}

export class Execution {
  readonly concurrency: number;
  readonly queue: number;
  readonly counts: ExecutionCounts = {
    started: 0,
    finished: 0,
    refused: 0,
    tooLate: 0,
    cancelledBeforeStart: 0,
    expiredBeforeStart: 0,
    heldBack: 0,
  };
  /** Those that may have the next slot; others are held back in the bulkheads. */
  readonly #waiting = new FairQueue<Job>();
  readonly #bulkheads: Bulkheads;
  readonly #limit: LimitFunction;
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #onDefect: ((error: unknown) => void) | undefined;
  #running = 0;
  /**
   * A slot has been asked for and nobody has begun to use it yet. Invariant: true while anything waits that isn't held back and no runner
   * is at it; what is held back is looked at again with each end of a task.
   */
  #asked = false;
  /** When tasks began to run in this turn of the event loop; 0: none has. */
  #turnStart = 0;
  readonly #pace: Pace;

  constructor(options: ExecutionOptions = {}) {
    this.concurrency = whole(
      'concurrency',
      options.concurrency ?? Math.max(4, 2 * availableParallelism()),
      1,
    );
    this.queue = whole('queue', options.queue ?? 1000, 0);
    this.#clock = options.clock ?? systemClock;
    this.#turnMs = options.turnMs ?? 5;
    this.#onDefect = options.onDefect;
    this.#limit = pLimit(this.concurrency);
    this.#pace = new Pace(this.concurrency);
    this.#bulkheads = new Bulkheads({
      slots: this.concurrency,
      queue: this.queue,
      onSure: () => this.#lookAgain(),
      onHang: options.onHang,
    });
  }

  get waiting(): number {
    return this.#waiting.size + this.#bulkheads.held;
  }

  /** Of those that wait: for others of their method and shard, which hang. */
  get held(): number {
    return this.#bulkheads.held;
  }

  get running(): number {
    return this.#running;
  }

  get inFlight(): number {
    return this.#running + this.waiting;
  }

  /** What one that came now would have before it or beside it: those that are held back keep nobody else from a slot. */
  get load(): number {
    return this.#running + this.#waiting.size;
  }

  /** Says why the job is turned away, and forgets it then. Otherwise it starts in a microtask, at the earliest. */
  submit(job: Job): TurnedAway | undefined {
    const now = this.#clock.now();
    this.#bulkheads.came(job.compartment, now);
    if (this.load >= this.concurrency && this.#isTooLate(job, now)) {
      this.counts.tooLate += 1;
      return 'too_late';
    }
    if (this.inFlight >= this.concurrency + this.queue && !this.#makeRoom(job)) return 'queue_full';
    job.queuedAt = now;
    this.#waiting.push(job);
    if (!this.#asked) this.#ask();
    return undefined;
  }

  /**
   * A slot for work that had one and gave it back while it waited for its reader. Not bounded by the queue: it was let in before. Not
   * counted as started again.
   */
  resume(job: Job): void {
    job.queuedAt = this.#clock.now();
    this.#bulkheads.came(undefined, job.queuedAt);
    this.#waiting.push(job);
    if (!this.#asked) this.#ask();
  }

  /** Takes a job that waits out of the queue, because nobody wants it any more. False: it has started, or never was in. */
  withdraw(job: Job): boolean {
    if (!this.#remove(job)) return false;
    this.counts.cancelledBeforeStart += 1;
    return true;
  }

  /** The same for one whose deadline has passed. */
  withdrawExpired(job: Job): boolean {
    if (!this.#remove(job)) return false;
    this.counts.expiredBeforeStart += 1;
    return true;
  }

  #remove(job: Job): boolean {
    return this.#waiting.remove(job) || this.#bulkheads.remove(job);
  }

  /** How long a refused caller should keep away: what is waiting needs about that long. */
  pushbackMs(): number {
    const ms = Math.ceil(this.#pace.waitMs(this.load));
    return Math.min(1000, Math.max(1, ms));
  }

  /** Waiting may take half of the time that isn't work: the rest is for tasks that take longer than most, and for the way back. */
  #isTooLate(job: Job, now: number): boolean {
    if (!this.#pace.isKnown || job.deadline === Number.POSITIVE_INFINITY) return false;
    const spareMs = job.deadline - now - (job.typical?.ms ?? 0);
    return this.#pace.waitMs(this.#waiting.ahead(job.priority, job.root) + 1) > spareMs / 2;
  }

  /** A full queue gives up what matters least, if the newcomer matters more. */
  #makeRoom(job: Job): boolean {
    this.counts.refused += 1;
    const held = this.#bulkheads.lastBelow(job.priority);
    const waiting = this.#waiting.lastBelow(held?.priority ?? job.priority);
    const last = waiting ?? held;
    if (last === undefined) return false;
    this.#remove(last);
    last.turnAway('queue_full');
    return true;
  }

  #ask(): void {
    this.#asked = true;
    void this.#limit(this.#use);
  }

  /** Uses one slot. */
  readonly #use = (): Promise<void> | undefined => {
    this.#asked = false;
    return this.#work();
  };

  readonly #work = (): Promise<void> | undefined => {
    let now = this.#clock.now();
    if (this.#turnStart === 0) {
      this.#turnStart = now;
      setImmediate(this.#endTurn);
    }
    for (;;) {
      if (this.waiting === 0) return undefined;
      if (now - this.#turnStart > this.#turnMs) return new Promise<void>(nextTurn).then(this.#work);
      const held = this.#nextHeld(now);
      const job = held ?? this.#waiting.shift();
      if (job === undefined) return undefined;
      if (now >= job.deadline && !job.resumed) {
        this.counts.expiredBeforeStart += 1;
        job.expire();
        continue;
      }
      // The slot does more good to those that get none otherwise. Without them it may try: so what is expected is always learned anew.
      const scarce = this.load >= this.concurrency;
      if (scarce && !job.resumed && this.#waiting.size > 0 && job.deadline - now < (job.typical?.ms ?? 0)) {
        this.counts.tooLate += 1;
        job.turnAway('too_late');
        continue;
      }
      const { compartment } = job;
      if (
        held === undefined &&
        compartment !== undefined &&
        !this.#bulkheads.hasRoom(compartment, this.#free, now) &&
        this.#holdBack(job, compartment)
      )
        continue;
      this.#running += 1;
      job.startedAt = now;
      if (!job.resumed) this.counts.started += 1;
      let rest: Promise<void> | undefined;
      try {
        rest = job.run(now);
      } catch (error) {
        this.#onDefect?.(error);
      }
      if (rest !== undefined) {
        if (compartment !== undefined) this.#bulkheads.began(job, compartment);
        if (this.waiting > 0 && !this.#asked) this.#ask();
        return this.#wait(rest, now, job);
      }
      const end = this.#clock.now();
      this.#release(now, end, job);
      now = end;
    }
  };

  async #wait(rest: Promise<void>, startedAt: number, job: Job): Promise<void> {
    try {
      await rest;
    } catch (error) {
      this.#onDefect?.(error);
    }
    const now = this.#clock.now();
    if (job.compartment !== undefined) this.#bulkheads.ended(job, job.compartment, now);
    this.#release(startedAt, now, job);
    this.#lookAgain();
  }

  /** What is held back may have room now. */
  #lookAgain(): void {
    if (this.#bulkheads.held > 0 && !this.#asked) this.#ask();
  }

  get #free(): number {
    return this.concurrency - this.#running;
  }

  /** One that was held back and has room now; it goes before what waits. */
  #nextHeld(now: number): Job | undefined {
    const bulkheads = this.#bulkheads;
    return bulkheads.held > 0 ? bulkheads.shift(this.#waiting.priority, this.#free, now) : undefined;
  }

  /** False: there is no room for it to wait in, and it isn't sure that anything hangs; so it runs. */
  #holdBack(job: Job, compartment: Compartment): boolean {
    const refused = this.#bulkheads.hold(job, compartment);
    if (refused === job && !compartment.hangs) return false;
    this.counts.heldBack += 1;
    job.heldBack();
    if (refused === undefined) return true;
    this.counts.refused += 1;
    refused.turnAway('shard_hangs');
    return true;
  }

  #release(startedAt: number, now: number, job: Job): void {
    this.#running -= 1;
    this.#pace.freed(now, now - startedAt, this.#waiting.size > 0);
    if (job.resumed) return;
    this.counts.finished += 1;
    job.typical?.took(now - startedAt, job.givenUp);
  }

  readonly #endTurn = (): void => {
    this.#turnStart = 0;
  };
}

function nextTurn(resolve: () => void): void {
  setImmediate(resolve);
}

function whole(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least || value > 1_000_000) {
    throw new RegatherError(
      'CONFIG_INVALID',
      `Expected worker.${name} to be a whole number ${least}..1000000, got ${value}`,
      {
        field: `worker.${name}`,
      },
    );
  }
  return value;
}
