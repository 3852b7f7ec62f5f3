/**
 * Random numbers that depend on what they are for, not on when they are drawn: the same request meets the same fate on the same replica in
 * every run and behind every root that is compared.
 */

/** 0 ≤ draw < 1, from the seed and up to three coordinates. The mixing is MurmurHash3's (x86, 32 bits), with its finalizer. */
export function draw(seed: number, a: number, b = 0, c = 0): number {
  let hash = mix(seed | 0, a | 0);
  // Request numbers may exceed 32 bits.
  hash = mix(hash, Math.floor(a / 2 ** 32) | 0);
  hash = mix(hash, b | 0);
  hash = mix(hash, c | 0);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) / 2 ** 32;
}

function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  k = Math.imul(k, 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** A number for a text, to draw by: FNV-1a. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Exponentially distributed with that mean: the time between events that happen independently of each other. */
export function exponential(mean: number, uniform: number): number {
  return -mean * Math.log(1 - uniform);
}
