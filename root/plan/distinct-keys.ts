/**
 * Which keys of a list are the same. A hash table over the hashes that routing needs anyway; since those aren't seeded, anyone can make
 * keys that collide, so keys that find no place within a few probes go to a Map, whose hashes are.
 */
import type { AskedKey } from '../../shared/merge/merger.ts';

const maxProbes = 16;
/** Tables up to this size are kept for the next request. */
const keptSlots = 4096;

const kept = new Int32Array(keptSlots);

export class DistinctKeys {
  readonly #entries: AskedKey[] = [];
  readonly #hashes: number[] = [];
  /** Index into the entries + 1; 0: free. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  #crowded: Map<string, AskedKey> | undefined;

  /** For a list of `count` keys. One at a time: the table is shared. */
  constructor(count: number) {
    let size = 16;
    while (size < 2 * count) size *= 2;
    this.#mask = size - 1;
    if (size > keptSlots) this.#slots = new Int32Array(size);
    else this.#slots = kept.fill(0, 0, size);
  }

  /** The entry added before for the same bytes. */
  find(key: Buffer, hash: number): AskedKey | undefined {
    for (let probe = 0; probe < maxProbes; probe++) {
      const slot = this.#slots[(hash + probe) & this.#mask]!;
      if (slot === 0) return undefined;
      if (this.#hashes[slot - 1] === hash && sameBytes(this.#entries[slot - 1]!.key, key)) {
        return this.#entries[slot - 1];
      }
    }
    return this.#crowded?.get(key.toString('latin1'));
  }

  /** `find` has just returned undefined for it. */
  add(key: Buffer, hash: number, entry: AskedKey): void {
    for (let probe = 0; probe < maxProbes; probe++) {
      const at = (hash + probe) & this.#mask;
      if (this.#slots[at] !== 0) continue;
      this.#slots[at] = this.#entries.push(entry);
      this.#hashes.push(hash);
      return;
    }
    this.#crowded ??= new Map();
    this.#crowded.set(key.toString('latin1'), entry);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
