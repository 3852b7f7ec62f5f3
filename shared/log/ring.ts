/** The last lines of a log, oldest first. Bounded in lines and in bytes, so that long lines can't fill the memory. */
const maxLineChars = 8192;

export class LogRing {
  readonly capacity: number;
  readonly #lines: string[] = [];
  #next = 0;
  #dropped = 0;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 0 || capacity > 1_000_000) {
      throw new RangeError(`Expected the number of log lines kept to be 0..1000000, got ${capacity}`);
    }
    this.capacity = capacity;
  }

  push(line: string): void {
    if (this.capacity === 0) return;
    const kept = line.length <= maxLineChars ? line : tooLong(line);
    if (this.#lines.length < this.capacity) {
      this.#lines.push(kept);
      return;
    }
    this.#lines[this.#next] = kept;
    this.#next = (this.#next + 1) % this.capacity;
    this.#dropped += 1;
  }

  /** Lines that were overwritten. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The last `limit` lines as the objects that they were, oldest first. */
  recent(limit: number = this.capacity): unknown[] {
    const count = Math.min(limit, this.#lines.length);
    const found: unknown[] = [];
    for (let i = this.#lines.length - count; i < this.#lines.length; i++) {
      const line = this.#lines[(this.#next + i) % this.#lines.length];
      if (line !== undefined) found.push(JSON.parse(line));
    }
    return found;
  }
}

/** Still one JSON object; what it said begins the message. */
function tooLong(line: string): string {
  return JSON.stringify({
    level: 'warn',
    message: line.slice(0, maxLineChars / 2),
    truncatedChars: line.length,
  });
}
