/**
 * XXH32 (Yann Collet, "xxHash fast digest algorithm", specification 0.1.1). Ours, because keys are short and hashed once per
 * request: no allocation, no 64-bit arithmetic, and bytes are hashed where they lie in the request.
 */
const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;
const P5 = 0x165667b1 | 0;

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function round(lane: number, input: number): number {
  const sum = (lane + Math.imul(input, P2)) | 0;
  return Math.imul((sum << 13) | (sum >>> 19), P1);
}

function word4(hash: number, input: number): number {
  const sum = (hash + Math.imul(input, P3)) | 0;
  return Math.imul((sum << 17) | (sum >>> 15), P4);
}

function avalanche(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 15), P2);
  h = Math.imul(h ^ (h >>> 13), P3);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The hash of `bytes[start, end)`, as an unsigned 32-bit integer. The range must lie within `bytes`: it isn't checked. */
export function xxh32(bytes: Uint8Array, seed = 0, start = 0, end = bytes.length): number {
  const length = end - start;
  let at = start;
  let h: number;
  if (length >= 16) {
    let a = (seed + P1 + P2) | 0;
    let b = (seed + P2) | 0;
    let c = seed | 0;
    let d = (seed - P1) | 0;
    for (const last = end - 16; at <= last; at += 16) {
      a = round(a, word(bytes, at));
      b = round(b, word(bytes, at + 4));
      c = round(c, word(bytes, at + 8));
      d = round(d, word(bytes, at + 12));
    }
    h =
      ((a << 1) | (a >>> 31)) + ((b << 7) | (b >>> 25)) + ((c << 12) | (c >>> 20)) + ((d << 18) | (d >>> 14));
  } else {
    h = seed + P5;
  }
  h = (h + length) | 0;
  for (; at + 4 <= end; at += 4) h = word4(h, word(bytes, at));
  for (; at < end; at++) {
    const sum = (h + Math.imul(bytes[at]!, P5)) | 0;
    h = Math.imul((sum << 11) | (sum >>> 21), P1);
  }
  return avalanche(h);
}

/** `xxh32` of the 8 bytes of a little-endian 64-bit integer, given as its two halves. */
export function xxh32Int64(low: number, high: number, seed = 0): number {
  return avalanche(word4(word4((seed + P5 + 8) | 0, low), high));
}
