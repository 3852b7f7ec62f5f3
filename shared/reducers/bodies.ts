import type { MessageCode } from '../merge/code.ts';
import { mergeMessage, sourcesOf } from '../merge/message.ts';
import { compareByKeys, type Order } from '../merge/order.ts';
import type { Scan } from '../merge/scan.ts';
import { Writer } from '../wire/writer.ts';
import type { MergeRun } from './reducer.ts';

/** Merged messages, one after the other in one buffer, that are then sorted. */
export class Bodies {
  readonly out = new Writer(1024);
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Merges one message out of its sources; its index is how many were added before. */
  add(code: MessageCode, scans: readonly Scan[], run: MergeRun): void {
    this.#starts.push(this.out.pos);
    mergeMessage(code, sourcesOf(scans), this.out, run);
    this.#ends.push(this.out.pos);
  }

  start(index: number): number {
    return this.#starts[index]!;
  }

  end(index: number): number {
    return this.#ends[index]!;
  }

  /** Indexes in the order of the keys, which tell all messages apart. */
  sort(orders: readonly Order[]): number[] {
    const { buffer } = this.out;
    const starts = this.#starts;
    const ends = this.#ends;
    const first = orders[0]!;
    const indexes: number[] = [];
    const ranks = new Float64Array(starts.length);
    for (let i = 0; i < starts.length; i++) {
      indexes.push(i);
      ranks[i] = first.rank(buffer, first.find(buffer, starts[i]!, ends[i]!));
    }
    return indexes.sort((a, b) => {
      const rankA = ranks[a]!;
      const rankB = ranks[b]!;
      if (rankA !== rankB) return rankA < rankB ? -1 : 1;
      return compareByKeys(orders, buffer, starts[a]!, ends[a]!, buffer, starts[b]!, ends[b]!);
    });
  }
}
