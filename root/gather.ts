/**
 * Gather: parts are staged as they come, and a *disjoint* set of them that covers the tasks is committed, never two for one task (G3). A part
 * takes the place of those that lie wholly in it: the combined part of a leaf call some of whose tasks were answered by their hedges
 * meanwhile. So a task that is covered stays covered, and its other attempts can be stopped.
 */
import { RegatherError } from '../shared/errors/errors.ts';
import type { Part } from '../shared/merge/merger.ts';

const UNCOVERED = -1;

export class Gather {
  /** Ascending. */
  readonly #shards: readonly number[] | undefined;
  readonly #count: number;
  /** Per task: which of `#parts` covers it. */
  readonly #cover: Int32Array;
  /** Undefined: another took its place. */
  readonly #parts: (Part | undefined)[] = [];
  #replaced = false;
  #covered = 0;
  readonly #weights: readonly number[] | undefined;
  #coveredWeight = 0;

  /** `shards`: of the tasks, ascending; a number: tasks are for the shards 0 … shards - 1. `weights`: by task. */
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

  covers(shard: number): boolean {
    const task = this.taskOf(shard);
    return task >= 0 && this.#cover[task] !== UNCOVERED;
  }

  /**
   * Commits a part, all of whose shards were asked, if it covers more; then all of it is covered. Attempts other than a task's first answer each task apart, so
   * what overlaps lies wholly in one of the two. Throws PARTIAL_MALFORMED if it doesn't, as then one of the two can't be used.
   */
  offer(part: Part): void {
    const { shards } = part;
    let fresh = 0;
    for (let i = 0; i < shards.length; i++) {
      if (this.#cover[this.taskOf(shards[i]!)] === UNCOVERED) fresh++;
    }
    if (fresh === 0) return;
    if (fresh < shards.length) this.#makeWay(shards);
    const index = this.#parts.push(part) - 1;
    for (let i = 0; i < shards.length; i++) {
      const task = this.taskOf(shards[i]!);
      if (this.#cover[task] === UNCOVERED && this.#weights !== undefined) {
        this.#coveredWeight += this.#weights[task]!;
      }
      this.#cover[task] = index;
    }
    this.#covered += fresh;
  }

  /** The committed parts: disjoint, in the order in which they came. */
  parts(): readonly Part[] {
    return (
      this.#replaced ? this.#parts.filter((part) => part !== undefined) : this.#parts
    ) as readonly Part[];
  }

  /** Takes out the parts that overlap with those shards, if they lie wholly in them. */
  #makeWay(shards: readonly number[]): void {
    const overlapping = new Set(shards.map((shard) => this.#cover[this.taskOf(shard)]!));
    overlapping.delete(UNCOVERED);
    for (const index of overlapping) {
      const lost = this.#parts[index]!.shards.filter((shard) => !shards.includes(shard));
      if (lost.length === 0) continue;
      throw new RegatherError(
        'PARTIAL_MALFORMED',
        `A part for shards ${shards.join(', ')} overlaps with one that is for ${lost.join(', ')} too`,
        { shards },
      );
    }
    this.#replaced = true;
    for (const index of overlapping) this.#parts[index] = undefined;
  }
}
