/** A reducer of the user's own, named in the config: roots and workers load it, and `check` knows it. */
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../shared/package.ts';
import { folderWith, regather, start } from './process.ts';

const files = {
  'days.proto': `syntax = "proto3";
package days.v1;
import "regather/v1/annotations.proto";
service Days {
  rpc Active(Request) returns (Response) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (regather.v1.scatter) = { to: ALL timeout_ms: 5000 };
  }
}
message Request {}
message Response {
  bytes bits = 1 [(regather.v1.merge).custom = { name: "bitmap-or" }];
  string path = 2 [(regather.v1.merge).custom = { name: "in-order" options: "/" }];
}
`,
  'reducers.ts': `
export const bitmapOr = {
  name: 'bitmap-or',
  free: true,
  merge: (values: Uint8Array[][]) => [Uint8Array.of(values.flat().reduce((all, one) => all | (one[0] ?? 0), 0))],
};
export const inOrder = {
  name: 'in-order',
  merge: (values: string[][], separator: string) => [values.flat().join(separator)],
};
`,
  'worker.ts': `
import { createWorker } from ${JSON.stringify(join(packageRoot, 'index.ts'))};
export default (start) => createWorker({
  service: { proto: new URL('days.proto', import.meta.url).pathname },
  open: (shard) => ({ Active: () => ({ bits: Uint8Array.of(1 << shard.index), path: 's' + shard.index }) }),
  ...start,
});
`,
};
const config = (reducers: string): string => `service: { proto: days.proto }
worker: { module: worker.ts }
shards: { count: 4, replicas: 2 }
${reducers}
`;

test('roots and workers merge by the reducers of the config', async (t) => {
  const folder = folderWith(t, { ...files, 'regather.yaml': config('reducers: reducers.ts') });
  const checked = await regather(folder, 'check', 'regather.yaml');
  t.is(checked.code, 0, checked.err);
  t.regex(checked.out, /bits +bytes +custom bitmap-or/);
  const up = start(t, folder, 'up', '--json', '--workers', '2', '--log-level', 'error');
  const { address } = await up.until('ready', ({ event }) => event === 'ready');
  const { code, out, err } = await regather(folder, 'call', 'Active', '--json', '--address', String(address));
  t.is(code, 0, err);
  const { response } = JSON.parse(out) as { response: { bits: string; path: string } };
  t.deepEqual(response, { bits: Buffer.of(0b1111).toString('base64'), path: 's0/s1/s2/s3' });
});

test('a reducer that nobody registered is told by name before anything starts', async (t) => {
  const folder = folderWith(t, { ...files, 'regather.yaml': config('') });
  for (const command of [['check', 'regather.yaml'], ['root'], ['worker']]) {
    const { code, err } = await regather(folder, ...command);
    t.is(code, 2, err);
    const [bits, path, ...more] = err.trimEnd().split('\n');
    t.regex(bits ?? '', /days\.proto:12: days\.v1\.Response\.bits: no reducer is registered as "bitmap-or"/);
    t.regex(path ?? '', /days\.proto:13: days\.v1\.Response\.path: no reducer is registered as "in-order"/);
    t.deepEqual(more, []);
  }
});
