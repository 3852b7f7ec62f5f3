/**
 * G6: a plain worker's message was received whole, however large, before its size was looked at: one of 300 MB took 300 MB of the root.
 * A message far above the bound is refused by what its prefix says.
 */
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { startRoot } from '../kit/cluster.ts';

test("of a plain worker's message far above the bound no more than its prefix is needed", async (t) => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(1 << 30, 1);
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    // The rest never comes, so whoever waits for it waits until the deadline.
    stream.write(prefix);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { client } = await startRoot(t, [{ id: 'w', address, shards: [0] }], { links: false });
  for (const method of ['TopK', 'Count']) {
    const { code, details, coverage } = await client.call(method, { text: 'x' });
    t.is(code, 8, details);
    t.regex(details, /the partial has 1073741824 bytes, the most is 4194304 \(max_answer_bytes\)/);
    t.is(coverage?.missing[0]?.cause, 'MALFORMED');
    t.is(coverage?.missing[0]?.attempts, 1);
  }
  const { code, details } = await client.stream('List', { perShard: 1 });
  t.is(code, 8, details);
});
