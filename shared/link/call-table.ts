/**
 * The open calls of a link by their ids, which are given in ascending order. Not a `Map`: when that outgrows or shrinks its table it leaves the old one with
 * all that was in it and a pointer to the new, and once one of them is in V8's old generation, whatever was ever open when it grew survives every
 * scavenge until the next full collection (docs/decisions/0018-what-is-over-is-let-go.md). Linear probing, Knuth, The Art of Computer Programming 3, 6.4, algorithms L and R.
 */
export class CallTable<T extends { readonly id: number }> {
  #slots: (T | undefined)[] = new Array<T | undefined>(8).fill(undefined);
  size = 0;

  get(id: number): T | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = id & mask; ; i = (i + 1) & mask) {
      const call = slots[i];
      if (call === undefined || call.id === id) return call;
    }
  }

  /** Its id must be new. */
  add(call: T): void {
    if (++this.size * 2 > this.#slots.length) this.#grow();
    place(this.#slots, call);
  }

  /** Nothing happens if there is none. */
  delete(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = id & mask;
    while (slots[hole]?.id !== id) {
      if (slots[hole] === undefined) return;
      hole = (hole + 1) & mask;
    }
    this.size--;
    // Those behind it that would no longer be found move up.
    for (let i = (hole + 1) & mask; slots[i] !== undefined; i = (i + 1) & mask) {
      const home = slots[i]!.id & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole] = slots[i];
      hole = i;
    }
    slots[hole] = undefined;
  }

  /** All of them, by ascending id; none is left. */
  drain(): T[] {
    const all = this.#slots.filter((call) => call !== undefined).sort((a, b) => a.id - b.id);
    this.#slots = new Array<T | undefined>(8).fill(undefined);
    this.size = 0;
    return all;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (const call of old) if (call !== undefined) place(this.#slots, call);
  }
}

function place<T extends { readonly id: number }>(slots: (T | undefined)[], call: T): void {
  const mask = slots.length - 1;
  let i = call.id & mask;
  while (slots[i] !== undefined) i = (i + 1) & mask;
  slots[i] = call;
}
