import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { keyBytes } from '../../shared/keys/key-bytes.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { xxh32 } from '../../shared/keys/xxh32.ts';
import { needs, python } from '../kit/debian.ts';

type VectorKey = { readonly string: string } | { readonly bytes: string } | { readonly integer: string };

interface Vectors {
  readonly virtualShards: number;
  readonly shardCounts: readonly number[];
  readonly vectors: readonly {
    readonly key: VectorKey;
    readonly bytes: string;
    readonly xxh32: number;
    readonly shards: readonly number[];
  }[];
}

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const vectors: Vectors = JSON.parse(await read('test/plan/key-vectors.json'));
const page = await read('docs/reference/keys.md');

function vectorValue(key: VectorKey): string | Uint8Array | bigint {
  if ('string' in key) return key.string;
  return 'bytes' in key ? Buffer.from(key.bytes, 'hex') : BigInt(key.integer);
}

test('the published vectors hold', (t) => {
  t.true(vectors.vectors.length > 40);
  for (const vector of vectors.vectors) {
    const value = vectorValue(vector.key);
    t.is(Buffer.from(keyBytes(value)).toString('hex'), vector.bytes);
    t.is(xxh32(keyBytes(value)), vector.xxh32);
    t.deepEqual(
      vectors.shardCounts.map((count) => shardOf(value, count, vectors.virtualShards)),
      vector.shards,
    );
  }
});

needs(test, 'python3')('the Python of the reference page gives the published vectors', async (t) => {
  const code = /```python\n([\s\S]+?)```/.exec(page)![1]!;
  const driver = `
import json, sys
spec = json.load(open(sys.argv[1], encoding="utf-8"))
out = []
for vector in spec["vectors"]:
    (kind, text), = vector["key"].items()
    key = text if kind == "string" else bytes.fromhex(text) if kind == "bytes" else int(text)
    out.append([key_bytes(key).hex(), xxh32(key_bytes(key)), [shard_of(key, n) for n in spec["shardCounts"]]])
print(json.dumps(out))
`;
  const file = new URL('key-vectors.json', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(python, ['-c', code + driver, file]);
  t.deepEqual(
    JSON.parse(stdout),
    vectors.vectors.map((vector) => [vector.bytes, vector.xxh32, vector.shards]),
  );
});

test('the TypeScript of the reference page runs', (t) => {
  const code = /```ts\n([\s\S]+?)```/.exec(page)![1]!;
  t.true(code.startsWith("import { shardOf } from 'regather';\n"));
  const calls: unknown[] = [];
  const counted = (...args: Parameters<typeof shardOf>) => calls.push(shardOf(...args));
  new Function('shardOf', code.slice(code.indexOf('\n')))(counted);
  t.deepEqual(calls, [
    shardOf('user-1234', 8),
    shardOf(1234n, 8),
    shardOf(9007199254740993n, 8),
    shardOf(1234, 8, 65_536),
  ]);
});

test('the table of the reference page is of the vectors', (t) => {
  const rows = [
    ...page.matchAll(/^\| (string|bytes|integer) `(.+?)` \| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|$/gm),
  ];
  t.is(rows.length, 9);
  for (const [, kind, text, bytes, hash, of8, of1000] of rows) {
    const value = kind === 'string' ? JSON.parse(text!) : text;
    const vector = vectors.vectors.find((v) => (v.key as Record<string, string>)[kind!] === value);
    t.deepEqual(
      [bytes, Number(hash), Number(of8), Number(of1000)],
      [
        vector?.bytes,
        vector?.xxh32,
        vector?.shards[vectors.shardCounts.indexOf(8)],
        vector?.shards[vectors.shardCounts.indexOf(1000)],
      ],
    );
  }
});

test('an integer is the same key as number, bigint, decimal string and its own 8 bytes', (t) => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 1000 }), (value, count) => {
      const shard = shardOf(value, count);
      return (
        shard === shardOf(BigInt(value), count) &&
        shard === shardOf(keyBytes(value), count) &&
        shard === shardOf(keyBytes(String(value), 'int64'), count)
      );
    }),
  );
  t.pass();
});

test('int64 and uint64 of equal bits are the same key', (t) => {
  t.deepEqual(keyBytes(-1n), keyBytes(2n ** 64n - 1n));
});

test('every shard owns an equal range of virtual shards, within one', (t) => {
  for (const count of [1, 3, 8, 1000]) {
    const owned = new Array<number>(count).fill(0);
    // Hashes of the first integers, until each virtual shard has been met.
    const seen = new Map<number, number>();
    for (let key = 0; seen.size < 4096; key++) seen.set(xxh32(keyBytes(key)) % 4096, shardOf(key, count));
    for (const shard of seen.values()) owned[shard]!++;
    t.true(Math.max(...owned) - Math.min(...owned) <= 1, `${count} shards`);
  }
});

test('what is no key, or no count, is refused with its value', (t) => {
  const refused: readonly [() => unknown, RegExp][] = [
    [() => shardOf(1.5, 8), /safe integer, got 1\.5/],
    [() => shardOf(2 ** 53, 8), /safe integer, got 9007199254740992/],
    [() => shardOf(Number.NaN, 8), /got NaN/],
    [() => shardOf(2n ** 64n, 8), /64 bits, got 18446744073709551616/],
    [() => shardOf(-(2n ** 63n) - 1n, 8), /64 bits, got -9223372036854775809/],
    [() => shardOf('a', 0), /shardCount to be 1\.\.4096 \(virtualShards\), got 0/],
    [() => shardOf('a', 4097), /got 4097/],
    [() => shardOf('a', 2.5), /got 2\.5/],
    [() => shardOf('a', 8, 0), /virtualShards to be 1\.\.1048576, got 0/],
    [() => keyBytes('12a', 'int64'), /integer as key, got "12a"/],
    [() => keyBytes(new Uint8Array(3), 'int64'), /got 3 bytes/],
    [() => keyBytes(5, 'bytes'), /got the integer 5/],
  ];
  for (const [call, message] of refused) t.throws(call, { instanceOf: RangeError, message });
});
