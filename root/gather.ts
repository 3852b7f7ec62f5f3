/**
 * Gather: parts are staged as they come, and a *disjoint* set of them that covers the tasks is committed, never two for one
 * task (G3). Without overlaps, which is nearly always, a part is committed when it comes. When parts overlap (a hedge and
 * its primary, a retry and a late reply, over different groups of shards), the set that covers most is searched for.
 */
import type { Part } from '../shared/merge/merger.ts';

const UNCOVERED = -1;
/** Bounds the search among overlapping parts; past it the best set found so far stands. */
const SEARCH_STEPS = 20_000;

export class Gather {
  /** Ascending. */
  readonly #shards: readonly number[] | undefined;
  readonly #count: number;
  /** Per task: which of `#parts` covers it. */
  readonly #cover: Int32Array;
  readonly #parts: Part[] = [];
  #committed: boolean[] | undefined;
  #covered = 0;
  readonly #weights: readonly number[] | undefined;
  #coveredWeight = 0;
  #sizeBytes = 0;

  /**
   * `shards`: of the tasks, ascending; a number: tasks are for the shards 0 … shards - 1. `weights`: by task; what is searched for is the
   * most tasks all the same.
   */
  constructor(shards: readonly number[] | number, weights?: readonly number[]) {
    this.#weights = weights;
    this.#shards = typeof shards === 'number' ? undefined : shards;
    this.#count = typeof shards === 'number' ? shards : shards.length;
    this.#cover = new Int32Array(this.#count).fill(UNCOVERED);
  }

  /** Position among the tasks, or -1 for a shard that wasn't asked. */
  taskOf(shard: number): number {
    const shards = this.#shards;
    if (shards === undefined) return shard >= 0 && shard < this.#count ? shard : -1;
    let low = 0;
    let high = shards.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = shards[middle]!;
      if (found === shard) return middle;
      if (found < shard) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  get covered(): number {
    return this.#covered;
  }

  /** The weight of the covered tasks. */
  get coveredWeight(): number {
    return this.#coveredWeight;
  }

  get complete(): boolean {
    return this.#covered === this.#count;
  }

  /** Bytes held in parts, committed or not. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  covers(shard: number): boolean {
    const task = this.taskOf(shard);
    return task >= 0 && this.#cover[task] !== UNCOVERED;
  }

  /** Stages a part, all of whose shards were asked. Shards that were covered may become uncovered only if more become covered. */
  offer(part: Part): void {
    const { shards } = part;
    let overlaps = false;
    for (let i = 0; i < shards.length; i++) {
      if (this.#cover[this.taskOf(shards[i]!)] !== UNCOVERED) overlaps = true;
    }
    if (!overlaps && this.#committed === undefined) {
      const index = this.#parts.push(part) - 1;
      for (let i = 0; i < shards.length; i++) {
        const task = this.taskOf(shards[i]!);
        this.#cover[task] = index;
        if (this.#weights !== undefined) this.#coveredWeight += this.#weights[task]!;
      }
      this.#covered += shards.length;
      this.#sizeBytes += part.sizeBytes;
      return;
    }
    if (this.complete || this.#has(shards)) return;
    this.#committed ??= this.#parts.map(() => true);
    this.#parts.push(part);
    this.#committed.push(false);
    this.#sizeBytes += part.sizeBytes;
    this.#choose();
  }

  /** The committed parts: disjoint, in no particular order. */
  parts(): readonly Part[] {
    const committed = this.#committed;
    return committed === undefined ? this.#parts : this.#parts.filter((_, index) => committed[index]);
  }

  #has(shards: readonly number[]): boolean {
    return this.#parts.some(
      (part) => part.shards.length === shards.length && part.shards.every((shard, i) => shard === shards[i]),
    );
  }

  /** Searches the disjoint set of parts that covers most tasks, beginning with the one that stands. */
  #choose(): void {
    const parts = this.#parts;
    const byTask: number[][] = Array.from({ length: this.#count }, () => []);
    parts.forEach((part, index) => {
      for (const shard of part.shards) byTask[this.taskOf(shard)]!.push(index);
    });
    const taken = new Uint8Array(this.#count);
    const chosen: number[] = [];
    let best = this.#covered;
    let bestSet: number[] | undefined;
    let steps = 0;
    const search = (task: number, covered: number, skipped: number): void => {
      if (++steps > SEARCH_STEPS || this.#count - skipped <= best) return;
      while (task < this.#count && taken[task] === 1) task++;
      if (task === this.#count) {
        best = covered;
        bestSet = [...chosen];
        return;
      }
      for (const index of byTask[task]!) {
        const { shards } = parts[index]!;
        if (shards.some((shard) => taken[this.taskOf(shard)] === 1)) continue;
        for (const shard of shards) taken[this.taskOf(shard)] = 1;
        chosen.push(index);
        search(task + 1, covered + shards.length, skipped);
        chosen.pop();
        for (const shard of shards) taken[this.taskOf(shard)] = 0;
      }
      // Without this task: it stays uncovered, and no later choice may take it, or a set would be counted twice.
      taken[task] = 1;
      search(task + 1, covered, skipped + 1);
      taken[task] = 0;
    };
    search(0, 0, 0);
    if (bestSet === undefined) return;
    this.#committed!.fill(false);
    this.#cover.fill(UNCOVERED);
    for (const index of bestSet) {
      this.#committed![index] = true;
      for (const shard of parts[index]!.shards) this.#cover[this.taskOf(shard)] = index;
    }
    this.#covered = best;
    if (this.#weights === undefined) return;
    this.#coveredWeight = 0;
    for (let task = 0; task < this.#count; task++) {
      if (this.#cover[task] !== UNCOVERED) this.#coveredWeight += this.#weights[task]!;
    }
  }
}
