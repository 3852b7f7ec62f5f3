/**
 * Requests that wait to be admitted: higher priority first, within a priority in order of arrival. Who has left is in no list any more, with all that
 * its request holds. Joining and leaving take constant time in the number that wait.
 */

export abstract class Waiting {
  abstract readonly units: number;
  /** What it keeps in memory, about. */
  abstract readonly sizeBytes: number;
  abstract readonly priority: number;
  /** When it has to be admitted at the latest, on the clock. */
  abstract giveUpAt: number;
  // The line's own links; nobody else touches them.
  level: Level | undefined = undefined;
  earlier: Waiting | undefined = undefined;
  later: Waiting | undefined = undefined;
}

/** How many, and what they come to together. */
class Crowd {
  size = 0;
  units = 0;
  sizeBytes = 0;

  add({ size, units, sizeBytes }: Readonly<Crowd>): void {
    this.size += size;
    this.units += units;
    this.sizeBytes += sizeBytes;
  }

  joined({ units, sizeBytes }: Waiting): void {
    this.size++;
    this.units += units;
    this.sizeBytes += sizeBytes;
  }

  left({ units, sizeBytes }: Waiting): void {
    this.size--;
    this.units -= units;
    this.sizeBytes -= sizeBytes;
  }
}

/** One priority's. */
class Level {
  readonly priority: number;
  readonly crowd = new Crowd();
  first: Waiting | undefined = undefined;
  last: Waiting | undefined = undefined;

  constructor(priority: number) {
    this.priority = priority;
  }
}

export class WaitingLine<T extends Waiting> {
  /** Descending by priority; without empty ones, so that clients can't make them pile up. */
  readonly #levels: Level[] = [];
  readonly #total = new Crowd();

  get size(): number {
    return this.#total.size;
  }

  get units(): number {
    return this.#total.units;
  }

  get sizeBytes(): number {
    return this.#total.sizeBytes;
  }

  push(entry: T): void {
    const level = this.#level(entry.priority);
    entry.level = level;
    entry.earlier = level.last;
    if (level.last === undefined) level.first = entry;
    else level.last.later = entry;
    level.last = entry;
    level.crowd.joined(entry);
    this.#total.joined(entry);
  }

  first(): T | undefined {
    return this.#levels[0]?.first as T | undefined;
  }

  /** The newest of the lowest priority, if that is below this one. */
  lastBelow(priority: number): T | undefined {
    const level = this.#levels.at(-1);
    return level !== undefined && level.priority < priority ? (level.last as T) : undefined;
  }

  /** Says whether it waited. */
  remove(entry: T): boolean {
    const { level, earlier, later } = entry;
    if (level === undefined) return false;
    if (earlier === undefined) level.first = later;
    else earlier.later = later;
    if (later === undefined) level.last = earlier;
    else later.earlier = earlier;
    entry.level = undefined;
    entry.earlier = undefined;
    entry.later = undefined;
    level.crowd.left(entry);
    this.#total.left(entry);
    if (level.crowd.size === 0) this.#levels.splice(this.#levels.indexOf(level), 1);
    return true;
  }

  /** Those that go before one of this priority. */
  ahead(priority: number): Readonly<Crowd> {
    const ahead = new Crowd();
    for (const level of this.#levels) if (level.priority >= priority) ahead.add(level.crowd);
    return ahead;
  }

  /** Those whose time to be admitted has passed, taken out. */
  takeOverdue(now: number): T[] {
    const overdue: T[] = [];
    for (const entry of this.#all()) if (entry.giveUpAt <= now) overdue.push(entry);
    for (const entry of overdue) this.remove(entry);
    return overdue;
  }

  nextGiveUp(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#all()) if (entry.giveUpAt < next) next = entry.giveUpAt;
    return next;
  }

  #level(priority: number): Level {
    let at = 0;
    while (at < this.#levels.length && this.#levels[at]!.priority > priority) at++;
    let level = this.#levels[at];
    if (level?.priority !== priority) {
      level = new Level(priority);
      this.#levels.splice(at, 0, level);
    }
    return level;
  }

  *#all(): Iterable<T> {
    for (const level of this.#levels)
      for (let entry = level.first; entry !== undefined; entry = entry.later) yield entry as T;
  }
}
