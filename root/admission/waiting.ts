/** Requests that wait to be admitted: higher priority first, within a priority in order of arrival. Bounded. */

export abstract class Waiting {
  abstract readonly units: number;
  abstract readonly priority: number;
  /** When it has to be admitted at the latest, on the clock. */
  abstract giveUpAt: number;
  isWaiting = false;
}

/** One priority's. Those that left stay in `entries` until their turn. */
interface Level<T> {
  readonly priority: number;
  entries: T[];
  from: number;
}

export class WaitingLine<T extends Waiting> {
  /** Descending by priority; without empty ones, so that clients can't make them pile up. */
  readonly #levels: Level<T>[] = [];
  #size = 0;
  #units = 0;

  get size(): number {
    return this.#size;
  }

  get units(): number {
    return this.#units;
  }

  push(entry: T): void {
    entry.isWaiting = true;
    this.#size++;
    this.#units += entry.units;
    let at = 0;
    while (at < this.#levels.length && this.#levels[at]!.priority > entry.priority) at++;
    const level = this.#levels[at];
    if (level?.priority === entry.priority) level.entries.push(entry);
    else this.#levels.splice(at, 0, { priority: entry.priority, entries: [entry], from: 0 });
  }

  first(): T | undefined {
    for (let level = this.#levels[0]; level !== undefined; level = this.#levels[0]) {
      while (level.from < level.entries.length) {
        const entry = level.entries[level.from]!;
        if (entry.isWaiting) {
          // What has gone is let go once it is most of the array.
          if (level.from > 64 && level.from * 2 > level.entries.length) {
            level.entries = level.entries.slice(level.from);
            level.from = 0;
          }
          return entry;
        }
        level.from++;
      }
      this.#levels.shift();
    }
    return undefined;
  }

  /** The newest of the lowest priority, if that is below this one. */
  lastBelow(priority: number): T | undefined {
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      if (level.priority >= priority) return undefined;
      while (level.entries.length > level.from) {
        const entry = level.entries.at(-1)!;
        if (entry.isWaiting) return entry;
        level.entries.pop();
      }
      this.#levels.pop();
    }
    return undefined;
  }

  /** Says whether it waited. */
  remove(entry: T): boolean {
    if (!entry.isWaiting) return false;
    entry.isWaiting = false;
    this.#size--;
    this.#units -= entry.units;
    if (this.#size === 0) this.#levels.length = 0;
    return true;
  }

  /** Leaf calls of those that go before one of this priority. */
  unitsAhead(priority: number): number {
    if (this.#levels.length === 0) return 0;
    if (this.#levels.at(-1)!.priority >= priority) return this.#units;
    let units = 0;
    for (const entry of this.#all()) if (entry.priority >= priority) units += entry.units;
    return units;
  }

  /** Those whose time to be admitted has passed, taken out. */
  takeOverdue(now: number): T[] {
    const overdue: T[] = [];
    for (const entry of this.#all()) if (entry.giveUpAt <= now) overdue.push(entry);
    for (const entry of overdue) this.remove(entry);
    this.#compact();
    return overdue;
  }

  /** Where a higher priority never runs dry, lower ones never get a turn to drop those that have gone. */
  #compact(): void {
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i]!;
      level.entries = level.entries.filter((entry) => entry.isWaiting);
      level.from = 0;
      if (level.entries.length === 0) this.#levels.splice(i, 1);
    }
  }

  nextGiveUp(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#all()) if (entry.giveUpAt < next) next = entry.giveUpAt;
    return next;
  }

  *#all(): Iterable<T> {
    for (const level of this.#levels) {
      for (let i = level.from; i < level.entries.length; i++) {
        if (level.entries[i]!.isWaiting) yield level.entries[i]!;
      }
    }
  }
}
