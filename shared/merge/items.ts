/**
 * Where the items of repeated fields lie in a partial, and how each one ranks. Kept in typed arrays that many lists share: a partial has
 * a hundred items, and two arrays of its own for each would cost more than indexing them.
 */

const CHUNK_ITEMS = 8192;
const FIRST_CAPACITY = 16;

/** Item `i` is `bytes[ints[2i], ints[2i + 1])` and ranks as `ranks[i]`. Everything below `top` is somebody's. */
class Chunk {
  readonly ints: Int32Array;
  readonly ranks: Float64Array;
  top = 0;

  constructor(items: number) {
    this.ints = new Int32Array(items * 2);
    this.ranks = new Float64Array(items);
  }
}

let shared = new Chunk(CHUNK_ITEMS);

/** Ranges of one partial's bytes, in wire order. */
export class ItemList {
  count = 0;
  /** Of the first item, in `ints` / 2 and in `ranks`. Changes when the list moves. */
  first: number;
  ints: Int32Array;
  ranks: Float64Array;
  #chunk: Chunk;
  /** Items that fit before it has to `grow`. */
  capacity: number;

  constructor() {
    if (shared.top + FIRST_CAPACITY > CHUNK_ITEMS) shared = new Chunk(CHUNK_ITEMS);
    this.#chunk = shared;
    this.first = shared.top;
    this.ints = shared.ints;
    this.ranks = shared.ranks;
    this.capacity = FIRST_CAPACITY;
    shared.top += FIRST_CAPACITY;
  }

  push(start: number, end: number, rank: number): void {
    if (this.count === this.capacity) this.grow();
    const at = this.first + this.count++;
    this.ints[at * 2] = start;
    this.ints[at * 2 + 1] = end;
    this.ranks[at] = rank;
  }

  start(item: number): number {
    return this.ints[(this.first + item) * 2]!;
  }

  end(item: number): number {
    return this.ints[(this.first + item) * 2 + 1]!;
  }

  /** Gives back what it reserved and doesn't need, if nobody has reserved since. */
  trim(): void {
    const chunk = this.#chunk;
    if (chunk.top === this.first + this.capacity) {
      chunk.top = this.first + this.count;
      this.capacity = this.count;
    }
  }

  /** Makes room for at least one item more; `first`, `ints` and `ranks` may change. */
  grow(): void {
    const wanted = Math.max(this.capacity * 2, FIRST_CAPACITY);
    const chunk = this.#chunk;
    if (chunk.top === this.first + this.capacity && this.first + wanted <= chunk.ranks.length) {
      chunk.top = this.first + wanted;
      this.capacity = wanted;
      return;
    }
    if (shared.top + wanted > CHUNK_ITEMS) {
      if (wanted * 4 <= CHUNK_ITEMS) shared = new Chunk(CHUNK_ITEMS);
    }
    // A list too long to share has a chunk of its own.
    const target = shared.top + wanted > CHUNK_ITEMS ? new Chunk(wanted) : shared;
    target.ints.set(this.ints.subarray(this.first * 2, (this.first + this.count) * 2), target.top * 2);
    target.ranks.set(this.ranks.subarray(this.first, this.first + this.count), target.top);
    this.#chunk = target;
    this.first = target.top;
    this.ints = target.ints;
    this.ranks = target.ranks;
    this.capacity = wanted;
    target.top += wanted;
  }
}
