/** Strings of names that keep coming back (methods, metadata keys), found by their bytes so that they are decoded once. */
const SLOTS = 128;
const MAX_BYTES = 64;

export class NameCache {
  readonly #names: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #bytes: (Uint8Array | undefined)[] = new Array(SLOTS).fill(undefined);

  get(bytes: Buffer, from: number, to: number): string {
    const length = to - from;
    if (length > MAX_BYTES || length === 0) return length === 0 ? '' : bytes.toString('utf8', from, to);
    let hash = length;
    for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const slot = hash & (SLOTS - 1);
    const known = this.#bytes[slot];
    if (known !== undefined && known.length === length) {
      let i = 0;
      while (i < length && known[i] === bytes[from + i]) i++;
      if (i === length) return this.#names[slot]!;
    }
    // One name per slot: names that collide decode anew, and a peer that invents names can't make this grow.
    const name = bytes.toString('utf8', from, to);
    this.#names[slot] = name;
    this.#bytes[slot] = Uint8Array.from(bytes.subarray(from, to));
    return name;
  }
}
