import type { FieldCode } from '../merge/code.ts';
import type { ItemList } from '../merge/items.ts';
import { compareByKeys, compareRanges, type Order } from '../merge/order.ts';
import type { Sources } from '../merge/scan.ts';
import type { Writer } from '../wire/writer.ts';
import type { Laws, MergeRun, Reducer } from './reducer.ts';
import { writeItem } from './value.ts';

/**
 * The best items of all sources. The order is total (all keys, then the items' bytes), so the best of the best of each group of
 * sources are the best of all: free.
 *
 * The first key of every item was ranked while its partial was scanned. A heap of the best so far, the worst on top, turns almost all
 * others away with one comparison of two doubles; the items themselves are read only where ranks tie.
 */
export class Top implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };
  readonly #field: FieldCode;
  readonly #orders: readonly Order[];
  readonly #window: number | undefined;

  // The heap: each entry is an item of a list of a source.
  #ranks = new Float64Array(128);
  #sources = new Int32Array(128);
  #items = new Int32Array(128);
  #size = 0;
  #lists: ItemList[] = [];
  #bytes: Buffer[] = [];

  constructor(field: FieldCode, orders: readonly Order[], window: number | undefined) {
    this.#field = field;
    this.#orders = orders;
    this.#window = window;
  }

  reduce(sources: Sources, out: Writer, run: MergeRun): void {
    const field = this.#field;
    const window = this.#window === undefined ? undefined : run.context.windows[this.#window];
    const offset = window === undefined || !run.final ? 0 : window.offset;
    const wanted = window === undefined ? Infinity : window.offset + window.limit;
    let available = 0;
    for (const { lists, bytes } of sources.of(field)) {
      const list = lists[field.slot];
      if (list === undefined) continue;
      this.#lists.push(list);
      this.#bytes.push(bytes);
      available += list.count;
    }
    const size = Math.min(wanted, available);
    if (size > offset) {
      this.#select(size);
      this.#sort();
      for (let i = offset; i < size; i++) {
        const source = this.#sources[i]!;
        const list = this.#lists[source]!;
        const item = this.#items[i]!;
        writeItem(out, field, this.#bytes[source]!, list.start(item), list.end(item));
      }
    }
    // Keep no partial alive.
    this.#lists.length = 0;
    this.#bytes.length = 0;
  }

  #select(size: number): void {
    if (size > this.#ranks.length) {
      const capacity = Math.max(size, this.#ranks.length * 2);
      this.#ranks = new Float64Array(capacity);
      this.#sources = new Int32Array(capacity);
      this.#items = new Int32Array(capacity);
    }
    this.#size = 0;
    const lists = this.#lists;
    // Partials mostly come sorted, though they needn't: with the beginnings of all of them first, the worst of the best is soon as good as it
    // gets, and turns away nearly all that follow.
    const head = Math.ceil(size / lists.length) + 1;
    for (let source = 0; source < lists.length; source++) this.#offer(source, 0, head, size);
    for (let source = 0; source < lists.length; source++) this.#offer(source, head, Infinity, size);
  }

  /** Items `[from, to)` of a source, as far as it has them. */
  #offer(source: number, from: number, to: number, size: number): void {
    const { ranks, first, count } = this.#lists[source]!;
    const end = Math.min(count, to);
    let item = from;
    for (; item < end && this.#size < size; item++) this.#add(ranks[first + item]!, source, item);
    let worst = this.#ranks[0]!;
    for (; item < end; item++) {
      const rank = ranks[first + item]!;
      if (rank > worst) continue;
      if (rank === worst && this.#compare(source, item, this.#sources[0]!, this.#items[0]!) >= 0) continue;
      this.#sink(0, this.#size, rank, source, item);
      worst = this.#ranks[0]!;
    }
  }

  /** Best first: the worst goes to the end, again and again. */
  #sort(): void {
    for (let end = this.#size - 1; end > 0; end--) {
      const rank = this.#ranks[end]!;
      const source = this.#sources[end]!;
      const item = this.#items[end]!;
      this.#ranks[end] = this.#ranks[0]!;
      this.#sources[end] = this.#sources[0]!;
      this.#items[end] = this.#items[0]!;
      this.#sink(0, end, rank, source, item);
    }
  }

  #add(rank: number, source: number, item: number): void {
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isAfter(rank, source, item, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, rank, source, item);
  }

  /** Puts an entry at `at` of the first `size`, below whatever is worse. */
  #sink(at: number, size: number, rank: number, source: number, item: number): void {
    while (true) {
      let child = at * 2 + 1;
      if (child >= size) break;
      if (
        child + 1 < size &&
        this.#isAfter(this.#ranks[child + 1]!, this.#sources[child + 1]!, this.#items[child + 1]!, child)
      ) {
        child++;
      }
      if (this.#isAfter(rank, source, item, child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, rank, source, item);
  }

  #put(at: number, rank: number, source: number, item: number): void {
    this.#ranks[at] = rank;
    this.#sources[at] = source;
    this.#items[at] = item;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#ranks[from]!, this.#sources[from]!, this.#items[from]!);
  }

  #isAfter(rank: number, source: number, item: number, other: number): boolean {
    const otherRank = this.#ranks[other]!;
    if (rank !== otherRank) return rank > otherRank;
    return this.#compare(source, item, this.#sources[other]!, this.#items[other]!) > 0;
  }

  /** By all keys and then by bytes: 0 only if they're the same bytes. */
  #compare(sourceA: number, itemA: number, sourceB: number, itemB: number): number {
    const listA = this.#lists[sourceA]!;
    const listB = this.#lists[sourceB]!;
    const bytesA = this.#bytes[sourceA]!;
    const bytesB = this.#bytes[sourceB]!;
    const startA = listA.start(itemA);
    const endA = listA.end(itemA);
    const startB = listB.start(itemB);
    const endB = listB.end(itemB);
    return (
      compareByKeys(this.#orders, bytesA, startA, endA, bytesB, startB, endB) ||
      compareRanges(bytesA, startA, endA, bytesB, startB, endB)
    );
  }
}
