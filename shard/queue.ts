/**
 * What waits for an execution slot: higher priority first; within a priority the roots take turns, so that one that sends a lot
 * waits for itself; within a root in order of arrival. Every operation takes constant time in the number of jobs.
 */

/** The queue's own links in a job; nobody else touches them. */
export abstract class Queued {
  abstract readonly priority: number;
  abstract readonly root: string;
  /** It had a slot before, and isn't turned away any more. Such jobs have priorities of their own. */
  abstract readonly resumed: boolean;
  lane: Lane | undefined = undefined;
  earlier: Queued | undefined = undefined;
  later: Queued | undefined = undefined;
}

/** One root's jobs of one priority, linked. */
class Lane {
  readonly level: Level;
  readonly root: string;
  size = 0;
  first: Queued | undefined = undefined;
  last: Queued | undefined = undefined;
  constructor(level: Level, root: string) {
    this.level = level;
    this.root = root;
  }
}

/** The lanes of one priority that have jobs; `turn` is the position of the one that is next. */
class Level {
  readonly queue: object;
  readonly priority: number;
  readonly lanes: Lane[] = [];
  size = 0;
  turn = 0;
  constructor(queue: object, priority: number) {
    this.queue = queue;
    this.priority = priority;
  }
}

export class FairQueue<T extends Queued> {
  /** Descending by priority; levels without jobs are dropped, so a peer can't make them pile up. */
  readonly #levels: Level[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Of the next one; -Infinity if there is none. */
  get priority(): number {
    return this.#levels[0]?.priority ?? Number.NEGATIVE_INFINITY;
  }

  push(job: T): void {
    const lane = this.#lane(job.priority, job.root);
    job.lane = lane;
    job.earlier = lane.last;
    if (lane.last === undefined) lane.first = job;
    else lane.last.later = job;
    lane.last = job;
    lane.size += 1;
    lane.level.size += 1;
    this.#size += 1;
  }

  shift(): T | undefined {
    const level = this.#levels[0];
    if (level === undefined) return undefined;
    if (level.turn >= level.lanes.length) level.turn = 0;
    // Levels have lanes, and lanes have jobs: `remove` drops the empty ones.
    const job = level.lanes[level.turn]!.first as T;
    level.turn += 1;
    this.remove(job);
    return job;
  }

  /** How many jobs would go before one that came now. */
  ahead(priority: number, root: string): number {
    let ahead = 0;
    for (const level of this.#levels) {
      if (level.priority > priority) ahead += level.size;
      if (level.priority === priority) ahead += turnsBefore(level, root);
    }
    return ahead;
  }

  /** The one that would go last of those of a lower priority which may be turned away. */
  lastBelow(priority: number): T | undefined {
    for (let i = this.#levels.length - 1; i >= 0 && this.#levels[i]!.priority < priority; i--) {
      const { lanes } = this.#levels[i]!;
      let longest = lanes[0]!;
      for (const lane of lanes) if (lane.size > longest.size) longest = lane;
      const { last } = longest;
      if (!last!.resumed) return last as T;
    }
    return undefined;
  }

  /** Takes a job out wherever it is in this queue; says whether it was. */
  remove(job: T): boolean {
    const lane = job.lane;
    if (lane === undefined || lane.level.queue !== this) return false;
    if (job.earlier === undefined) lane.first = job.later;
    else job.earlier.later = job.later;
    if (job.later === undefined) lane.last = job.earlier;
    else job.later.earlier = job.earlier;
    job.lane = undefined;
    job.earlier = undefined;
    job.later = undefined;
    this.#size -= 1;
    lane.size -= 1;
    lane.level.size -= 1;
    if (lane.first === undefined) this.#drop(lane);
    return true;
  }

  /** Roots and priorities are few: searching them is cheaper than hashing. */
  #lane(priority: number, root: string): Lane {
    const level = this.#level(priority);
    for (const lane of level.lanes) if (lane.root === root) return lane;
    const lane = new Lane(level, root);
    // At the end of the round: a lane that emptied and comes back must not overtake those that kept waiting.
    level.lanes.splice(level.turn, 0, lane);
    level.turn += 1;
    return lane;
  }

  #level(priority: number): Level {
    let at = 0;
    for (const level of this.#levels) {
      if (level.priority === priority) return level;
      if (level.priority < priority) break;
      at += 1;
    }
    const level = new Level(this, priority);
    this.#levels.splice(at, 0, level);
    return level;
  }

  #drop(lane: Lane): void {
    const level = lane.level;
    const at = level.lanes.indexOf(lane);
    level.lanes.splice(at, 1);
    if (at < level.turn) level.turn -= 1;
    if (level.lanes.length === 0) this.#levels.splice(this.#levels.indexOf(level), 1);
  }
}

/** Roots take turns: before the next job of a root go as many of each other root as it has itself, if they have that many. */
function turnsBefore(level: Level, root: string): number {
  let own = 0;
  for (const lane of level.lanes) if (lane.root === root) own = lane.size;
  let ahead = own;
  for (const lane of level.lanes) if (lane.root !== root) ahead += Math.min(lane.size, own + 1);
  return ahead;
}
