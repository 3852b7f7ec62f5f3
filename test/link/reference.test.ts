import { readFileSync } from 'node:fs';
import test from 'ava';
import protobuf from 'protobufjs';
import { FrameWriter } from '../../shared/link/frame-writer.ts';
import {
  BATCH_BYTES,
  CHUNK_BYTES,
  CREDIT_BYTES,
  LINK_VERSION,
  MESSAGE_BYTES,
} from '../../shared/link/frames.ts';

const page = readFileSync('docs/reference/link.md', 'utf8');
const proto = protobuf.loadSync('proto/regather/v1/link.proto').lookup('regather.v1') as protobuf.Namespace;
const messages = proto.nestedArray.filter((one): one is protobuf.Type => one instanceof protobuf.Type);

test('the page mentions every message and every field, with its tag', (t) => {
  t.true(messages.length > 14);
  const wire: Record<string, number> = { string: 2, bytes: 2 };
  for (const message of messages) {
    t.true(page.includes(`\`${message.name}\``) || page.includes(`### ${message.name}`), message.name);
    for (const field of message.fieldsArray) {
      const name = field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const type = field.repeated || field.resolve().resolvedType !== null ? 2 : (wire[field.type] ?? 0);
      const tag = ((field.id << 3) | type).toString(16).padStart(2, '0');
      t.true(
        page.includes(`| \`${tag}\` | \`${name}\``) || page.includes(`\`${tag}\` \`${name}\``),
        `${message.name}.${name} with tag ${tag}`,
      );
    }
  }
});

function example(name: string): Buffer {
  const text = page.split(`<!-- example: ${name} -->`)[1]!.split('```')[1]!;
  const bytes = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split('  ')[0]!.replaceAll(' ', ''));
  return Buffer.from(bytes.join(''), 'hex');
}

test('the example’s bytes are what the writer writes', (t) => {
  const writer = new FrameWriter(() => undefined);
  writer.call(
    1,
    {
      method: 'TopK',
      payload: Buffer.from([0x0a, 1, 0x78]),
      tasks: [{ shard: 3 }, { shard: 5 }],
      flushAfterMs: 0,
      priority: 0,
      epoch: 0,
      metadata: [],
      maxPartBytes: 65_536,
    },
    250_000,
    16_384,
  );
  t.is(example('call').toString('hex'), writer.take().toString('hex'));
  const data = Buffer.from([0x0a, 1, 0x79]);
  writer.chunk(1, 0, data, 0, 3, true, [3], []);
  const gone = {
    shard: 5,
    code: 5,
    message: 'gone',
    notStarted: false,
    pushbackMs: 0,
    source: 'task',
  } as const;
  writer.end(1, [gone], 0, 250, 2);
  t.is(example('answer').toString('hex'), writer.take().toString('hex'));
});

test('the page’s numbers are the code’s', (t) => {
  t.is(LINK_VERSION, 1);
  t.deepEqual(
    [BATCH_BYTES, CHUNK_BYTES, CREDIT_BYTES, MESSAGE_BYTES],
    [256 << 10, 32 << 10, 256 << 10, 4 << 20],
  );
  for (const text of [
    '256 KiB',
    '32 KiB',
    '4,194,304',
    '800 ms',
    '25–50 ms, doubled up to 5 s',
    '30 s ± 20 %',
  ])
    t.true(page.includes(text), text);
});
