import test from 'ava';
import fc from 'fast-check';
import { int64Bytes } from '../../shared/keys/key-bytes.ts';
import { xxh32, xxh32Int64 } from '../../shared/keys/xxh32.ts';

/** The buffer of xxHash's own sanity check (cli/xsum_sanity_check.c). */
function sanityBuffer(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 2654435761n;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number(state >> 56n);
    state = BigInt.asUintN(64, state * 11400714785074694797n);
  }
  return bytes;
}

const prime = 0x9e3779b1;
const published: readonly [length: number, seed: number, hash: number][] = [
  [0, 0, 0x02cc5d05],
  [0, prime, 0x36b78ae7],
  [1, 0, 0xcf65b03e],
  [1, prime, 0xb4545aa4],
  [14, 0, 0x1208e7e2],
  [14, prime, 0x6af1d1fe],
  [222, 0, 0x5bd11dbd],
  [222, prime, 0x58803c5f],
];

for (const [length, seed, hash] of published) {
  test(`XXH32 of xxHash's sanity buffer, ${length} bytes, seed ${seed}`, (t) => {
    t.is(xxh32(sanityBuffer(length), seed), hash);
  });
}

const texts: readonly [text: string, hash: number][] = [
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
];

for (const [text, hash] of texts) {
  test(`XXH32 of ${JSON.stringify(text)}`, (t) => t.is(xxh32(Buffer.from(text)), hash));
}

test('a range hashes as its copy does', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(70),
      fc.nat(70),
      fc.integer(),
      (bytes, a, b, seed) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        return xxh32(bytes, seed, start, end) === xxh32(bytes.slice(start, end), seed);
      },
    ),
  );
  t.pass();
});

test('two halves hash as their 8 bytes', (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.integer(), (low, high, seed) => {
      return xxh32Int64(low, high, seed) === xxh32(int64Bytes(low, high), seed);
    }),
  );
  t.pass();
});
