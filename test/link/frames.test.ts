import test from 'ava';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { RegatherError } from '../../shared/errors/errors.ts';
import { FrameReader } from '../../shared/link/frame-reader.ts';
import { FrameWriter } from '../../shared/link/frame-writer.ts';
import { BATCH_BYTES, type FrameHandler, type HelloFrame } from '../../shared/link/frames.ts';
import { NameCache } from '../../shared/link/name-cache.ts';
import { bytes, canonical, type Frame, frame, write } from './any-frame.ts';

const Batch = protobuf.loadSync('proto/regather/v1/link.proto').lookupType('regather.v1.Batch');

function read(message: Buffer): Frame[] {
  const frames: Frame[] = [];
  let ids: number[] | undefined;
  const handler: FrameHandler = {
    hello({ maxCalls, maxMessageBytes, ...rest }: HelloFrame) {
      frames.push({ hello: { ...rest, limits: { maxCalls, maxMessageBytes } } });
    },
    call(
      id,
      method,
      payload,
      tasks,
      timeLeftUs,
      flushAfterUs,
      priority,
      epoch,
      metadata,
      credit,
      maxPartBytes,
      apart,
    ) {
      frames.push({
        call: {
          id,
          method,
          payload,
          tasks,
          timeLeftUs,
          flushAfterUs,
          priority,
          epoch,
          metadata,
          credit,
          maxPartBytes,
          apart,
        },
      });
    },
    chunk(id, seq, data, last, shards, segmentBytes, queueUs, serviceUs, heldUs) {
      frames.push({ chunk: { id, seq, data, last, shards, segmentBytes, queueUs, serviceUs, heldUs } });
    },
    end(id, statuses, queueUs, serviceUs, inFlight) {
      const plain = statuses.map(({ source: _, ...status }) => status);
      frames.push({ end: { id, statuses: plain, queueUs, serviceUs, inFlight } });
    },
    cancel(id) {
      if (ids !== undefined && frames.at(-1)?.cancel !== undefined) ids.push(id);
      else {
        ids = [id];
        frames.push({ cancel: { ids } });
      }
    },
    credit(id, bytes) {
      frames.push({ credit: { id, bytes } });
    },
    state(draining, shards, inFlight) {
      frames.push({ state: { draining, shards, inFlight } });
    },
    ping(token, reply) {
      frames.push({ ping: { token, reply } });
    },
  };
  new FrameReader().read(message, handler);
  return frames;
}

/** The same, whoever read it: Buffers as hex, absent and empty alike, 64-bit numbers as text. */
function plain(frames: readonly Frame[]): unknown {
  return JSON.parse(
    JSON.stringify(frames, (key, value) => {
      if (value instanceof Uint8Array)
        return value.length === 0 && key === 'details' ? undefined : hex(value);
      if (value?.type === 'Buffer')
        return value.data.length === 0 && key === 'details' ? undefined : hex(Uint8Array.from(value.data));
      if (typeof value === 'bigint') return String(value);
      if (key === 'metadata' && Array.isArray(value))
        return value.map((entry) =>
          Array.isArray(entry)
            ? [entry[0], hex(Buffer.from(entry[1]))]
            : [entry.key, hex(Buffer.from(entry.value))],
        );
      return typeof value === 'number' ? String(value) : value;
    }),
  );
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

/** Through protobufjs, the second opinion. */
function decodeByLibrary(message: Buffer): Frame[] {
  const batch = Batch.toObject(Batch.decode(message), {
    longs: String,
    bytes: Buffer,
    defaults: false,
    arrays: true,
  });
  return batch.frames.map((frame: Frame) => withDefaults(frame));
}

const DEFAULTS: Record<string, Frame> = {
  hello: { version: 0, service: '', peer: '', plan: [], shards: [], shardCount: 0 },
  call: {
    id: 0,
    method: '',
    payload: Buffer.alloc(0),
    tasks: [],
    timeLeftUs: 0,
    flushAfterUs: 0,
    priority: 0,
    epoch: 0,
    metadata: [],
    credit: 0,
    maxPartBytes: 0,
    apart: false,
  },
  chunk: {
    id: 0,
    seq: 0,
    data: Buffer.alloc(0),
    last: false,
    shards: [],
    segmentBytes: [],
    queueUs: [],
    serviceUs: [],
    heldUs: 0,
  },
  end: { id: 0, statuses: [], queueUs: 0, serviceUs: 0, inFlight: 0 },
  cancel: { ids: [] },
  credit: { id: 0, bytes: 0 },
  state: { draining: false, shards: [], inFlight: 0 },
  ping: { token: 0, reply: false },
};

function withDefaults(frame: Frame): Frame {
  const [kind, body] = Object.entries(frame)[0]! as [string, Frame];
  const whole: Frame = { ...DEFAULTS[kind], ...body };
  if (kind === 'hello') {
    whole.limits = { maxCalls: 0, maxMessageBytes: 0, ...(body.limits as Frame) };
    whole.plan = (whole.plan as Frame[]).map((field) => ({
      message: '',
      number: 0,
      type: '',
      cardinality: '',
      merge: '',
      ...field,
    }));
  }
  if (kind === 'call') {
    whole.tasks = (whole.tasks as Frame[]).map((task) => ({ shard: 0, ...task }));
    whole.metadata = (whole.metadata as Frame[]).map((entry) => ({
      key: '',
      value: Buffer.alloc(0),
      ...entry,
    }));
  }
  if (kind === 'end')
    whole.statuses = (whole.statuses as Frame[]).map((status) => ({
      shard: 0,
      code: 0,
      message: '',
      notStarted: false,
      pushbackMs: 0,
      ...status,
    }));
  return { [kind]: whole };
}

function encodeByLibrary(frames: readonly Frame[]): Buffer {
  const objects = frames.map((frame) => {
    const [kind, body] = Object.entries(frame)[0]! as [string, Frame];
    const copy: Frame = { ...body };
    if (kind === 'call')
      copy.metadata = (body.metadata as [string, string | Buffer][]).map(([key, value]) => ({
        key,
        value: Buffer.from(value as string),
      }));
    if (kind === 'ping') copy.token = String(body.token);
    return { [kind]: copy };
  });
  return Buffer.from(Batch.encode(Batch.fromObject({ frames: objects })).finish());
}

/** Order of map keys aside. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

test('what the writer writes, protobufjs reads the same', (t) => {
  fc.assert(
    fc.property(fc.array(frame.map(canonical), { maxLength: 6 }), (frames) =>
      same(plain(decodeByLibrary(write(frames))), plain(frames)),
    ),
    { numRuns: 500 },
  );
  t.pass();
});

test('what protobufjs writes, the reader reads the same', (t) => {
  fc.assert(
    fc.property(frame, (one) => same(plain(read(encodeByLibrary([one]))), plain([one]))),
    { numRuns: 500 },
  );
  t.pass();
});

test('what the writer writes, the reader reads the same', (t) => {
  fc.assert(
    fc.property(fc.array(frame.map(canonical), { maxLength: 6 }), (frames) => {
      const cancels = frames.filter((one, i) => !('cancel' in one && i > 0 && 'cancel' in frames[i - 1]!));
      return same(plain(read(write(cancels))), plain(cancels));
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('unknown frames and fields are skipped, of every wire type and at every level', (t) => {
  const unknown = Buffer.concat([
    Buffer.from([0xa0, 0x06, 0x96, 0x01]), // 100: varint
    Buffer.from([0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]), // 101: fixed64
    Buffer.from([0xb2, 0x06, 3, 1, 2, 3]), // 102: bytes
    Buffer.from([0xbb, 0x06, 0x08, 0x01, 0x13, 0x14, 0xbc, 0x06]), // 103: a group in a group
    Buffer.from([0xc5, 0x06, 1, 2, 3, 4]), // 104: fixed32
  ]);
  const framed = (tag: number, body: Buffer) =>
    Buffer.concat([Buffer.from([tag, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
  const credit = framed(0x32, Buffer.concat([unknown, Buffer.from([0x08, 7, 0x10, 9]), unknown]));
  const message = Buffer.concat([
    unknown,
    framed(0x0a, Buffer.concat([unknown, credit, unknown])),
    framed(0x0a, framed(0x7a, Buffer.from('a later kind of frame'))),
    framed(0x0a, Buffer.alloc(0)),
    // The known numbers with another wire type are unknown fields too.
    framed(0x0a, framed(0x32, Buffer.from([0x0d, 1, 1, 1, 1, 0x08, 3]))),
  ]);
  t.deepEqual(read(message), [{ credit: { id: 7, bytes: 9 } }, { credit: { id: 3, bytes: 0 } }]);
});

test('the last of a field wins, and lists are read packed and unpacked', (t) => {
  const body = Buffer.from([0x08, 1, 0x08, 2, 0x28, 4, 0x2a, 2, 5, 6, 0x28, 7, 0x20, 1]);
  const message = Buffer.concat([Buffer.from([0x0a, body.length + 2, 0x1a, body.length]), body]);
  const [{ chunk }] = read(message) as [{ chunk: Frame }];
  t.is(chunk.id, 2);
  t.deepEqual(chunk.shards, [4, 5, 6, 7]);
});

test('numbers are cut to their width as protobuf does, and ids above 2^53 are refused', (t) => {
  const longest = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const frameOf = (tag: number, body: Buffer) =>
    Buffer.concat([Buffer.from([0x0a, body.length + 2, tag, body.length]), body]);
  const seq = frameOf(0x1a, Buffer.concat([Buffer.from([0x08, 1, 0x10]), longest]));
  t.is((read(seq)[0] as { chunk: Frame }).chunk.seq, 0xffffffff);
  const error = t.throws(() => read(frameOf(0x32, Buffer.concat([Buffer.from([0x08]), longest]))), {
    instanceOf: RegatherError,
  });
  t.regex(error!.message, /id is above 9007199254740991/);
});

test('a frame of two kinds is refused', (t) => {
  const error = t.throws(() => read(Buffer.from([0x0a, 8, 0x32, 2, 0x08, 1, 0x42, 2, 0x08, 1])), {
    instanceOf: RegatherError,
  });
  t.is((error as RegatherError).code, 'LINK_PROTOCOL');
});

test('any bytes are frames or LINK_PROTOCOL, and nothing else', (t) => {
  const mutated = fc
    .tuple(
      fc.array(frame.map(canonical), { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([frames, changes]) => {
      const message = Buffer.from(write(frames));
      for (const [at, value] of changes) if (message.length > 0) message[at % message.length] = value;
      return message;
    });
  const cut = mutated.chain((message) => fc.nat(message.length).map((length) => message.subarray(0, length)));
  fc.assert(
    fc.property(fc.oneof(bytes, mutated, cut), (message) => {
      try {
        read(message);
      } catch (error) {
        return error instanceof RegatherError && error.code === 'LINK_PROTOCOL';
      }
      return true;
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test('a message closes before it grows over 256 KiB, and only a larger frame makes a larger one', (t) => {
  const messages: Buffer[] = [];
  const writer: FrameWriter = new FrameWriter(() => messages.push(writer.take()));
  const data = Buffer.alloc(30_000, 1);
  for (let seq = 0; seq < 20; seq++) writer.chunk(1, seq, data, 0, data.length, true, [1], []);
  const call = {
    method: 'M',
    payload: Buffer.alloc(300_000),
    tasks: [{ shard: 1 }],
    flushAfterMs: 0,
    priority: 0,
    epoch: 1,
    metadata: [],
    maxPartBytes: 1,
  };
  writer.call(2, call, 1, 1);
  messages.push(writer.take());
  t.deepEqual(
    messages.map((message) => message.length <= BATCH_BYTES),
    [true, true, true, false],
  );
  t.is(messages.flatMap(read).length, 21);
});

test('what was taken is never written to again', (t) => {
  const writer = new FrameWriter(() => undefined);
  writer.credit(1, 2);
  const first = writer.take();
  const copy = Buffer.from(first);
  for (let i = 1; i < 20_000; i++) {
    writer.credit(i, i);
    if (i % 100 === 0) writer.take();
  }
  t.deepEqual(first, copy);
});

test('names are found by their bytes, also when they collide', (t) => {
  const cache = new NameCache();
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (name) => {
      const padded = Buffer.from(`<${name}>`);
      return (
        cache.get(padded, 1, padded.length - 1) === name && cache.get(padded, 1, padded.length - 1) === name
      );
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

// A flush after Infinity ms made the writer loop for ever, and a NaN made a frame whose length was wrong: everyone on the link lost it.
test('numbers that are none spoil their field, not the frame', (t) => {
  const number = fc.oneof(
    fc.double(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, -(2 ** 40), 127.5),
  );
  fc.assert(
    fc.property(number, number, number, (a, b, c) => {
      const writer = new FrameWriter(() => undefined);
      const status = {
        shard: 1,
        code: 2,
        message: '',
        notStarted: false,
        pushbackMs: a,
        source: 'task',
      } as const;
      writer.end(7, [status], a, b, c);
      const call = {
        method: 'M',
        payload: Buffer.alloc(1),
        tasks: [{ shard: 1 }],
        flushAfterMs: a,
        priority: b,
        epoch: Math.abs(c),
        metadata: [],
        maxPartBytes: b,
      };
      writer.call(8, call, a, c);
      writer.credit(9, b);
      return read(writer.take()).length === 3;
    }),
  );
  t.pass();
});
