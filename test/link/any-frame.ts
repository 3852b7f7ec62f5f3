/** Any frame that the protocol allows, and its bytes as our writer writes them. */
import fc from 'fast-check';
import { endFrameSize } from '../../shared/link/frame-sizes.ts';
import { FrameWriter } from '../../shared/link/frame-writer.ts';
import type { CallFrame, HelloFrame } from '../../shared/link/frames.ts';
import type { TaskFailure } from '../../shared/link/leaf-call.ts';

/** Frames as plain objects, in the names that protobufjs uses. */
export type Frame = Record<string, unknown>;

const uint32 = fc.nat(0xffffffff);
const safe = fc.oneof(fc.nat(300), fc.maxSafeNat());
const id = safe.map((value) => Math.max(1, value));
export const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const text = fc.oneof(
  fc.constantFrom('', 'TopK', 'authorization'),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
);
const uint32s = fc.array(uint32, { maxLength: 8 });

const metadatum = fc.oneof(
  fc.tuple(fc.constantFrom('authorization', 'x-id', 'traceparent'), fc.string({ maxLength: 30 })),
  fc.tuple(fc.constant('x-bin'), bytes),
);
const status = fc.record({
  shard: uint32,
  code: uint32,
  message: text,
  details: fc.oneof(fc.constant(undefined), bytes),
  notStarted: fc.boolean(),
  pushbackMs: uint32,
});

export const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    hello: fc.record({
      version: uint32,
      service: text,
      peer: text,
      plan: fc.array(
        fc.record({ message: text, number: uint32, type: text, cardinality: text, merge: text }),
        { maxLength: 4 },
      ),
      shards: uint32s,
      shardCount: uint32,
      limits: fc.record({ maxCalls: uint32, maxMessageBytes: uint32.map((value) => Math.max(1, value)) }),
    }),
  }),
  fc.record({
    call: fc.record({
      id,
      method: text,
      payload: bytes,
      tasks: fc.array(fc.oneof(fc.record({ shard: uint32 }), fc.record({ shard: uint32, payload: bytes })), {
        maxLength: 5,
      }),
      timeLeftUs: safe,
      flushAfterUs: fc.nat(1_000_000).map((ms) => ms * 1000),
      priority: fc.integer(),
      epoch: safe,
      metadata: fc.array(metadatum, { maxLength: 4 }),
      credit: safe,
      maxPartBytes: safe,
      apart: fc.boolean(),
    }),
  }),
  fc.record({
    chunk: fc.record({
      id,
      seq: uint32,
      data: bytes,
      last: fc.boolean(),
      shards: uint32s,
      segmentBytes: uint32s,
      queueUs: uint32s,
      serviceUs: uint32s,
      heldUs: uint32,
    }),
  }),
  fc.record({
    end: fc.record({
      id,
      statuses: fc.array(status, { maxLength: 4 }),
      queueUs: safe,
      serviceUs: safe,
      inFlight: uint32,
    }),
  }),
  fc.record({ cancel: fc.record({ ids: fc.array(id, { minLength: 1, maxLength: 5 }) }) }),
  fc.record({ credit: fc.record({ id, bytes: safe }) }),
  fc.record({ state: fc.record({ draining: fc.boolean(), shards: uint32s, inFlight: uint32 }) }),
  fc.record({ ping: fc.record({ token: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), reply: fc.boolean() }) }),
);

// What our writer can say is a little less than what the protocol allows; this is a frame as it says it.
export function canonical(frame: Frame): Frame {
  const { chunk, cancel } = frame as { chunk?: Frame; cancel?: { ids: number[] } };
  if (chunk !== undefined && chunk.last === false)
    return { chunk: { ...chunk, shards: [], segmentBytes: [], queueUs: [], serviceUs: [], heldUs: 0 } };
  if (cancel !== undefined) return { cancel: { ids: cancel.ids.slice(0, 1) } };
  return frame;
}

/** The same frame with the types that the writer takes. */
interface Typed {
  readonly hello?: HelloFrame & { readonly limits: Pick<HelloFrame, 'maxCalls' | 'maxMessageBytes'> };
  readonly call?: CallFrame & {
    readonly id: number;
    readonly timeLeftUs: number;
    readonly flushAfterUs: number;
    readonly credit: number;
  };
  readonly chunk?: {
    readonly id: number;
    readonly seq: number;
    readonly data: Buffer;
    readonly last: boolean;
    readonly shards: readonly number[];
    readonly segmentBytes: readonly number[];
    readonly queueUs: readonly number[];
    readonly serviceUs: readonly number[];
    readonly heldUs: number;
  };
  readonly end?: {
    readonly id: number;
    readonly statuses: readonly TaskFailure[];
    readonly queueUs: number;
    readonly serviceUs: number;
    readonly inFlight: number;
  };
  readonly cancel?: { readonly ids: readonly number[] };
  readonly credit?: { readonly id: number; readonly bytes: number };
  readonly state?: {
    readonly draining: boolean;
    readonly shards: readonly number[];
    readonly inFlight: number;
  };
  readonly ping?: { readonly token: bigint; readonly reply: boolean };
}

export function write(frames: readonly Frame[]): Buffer {
  const writer = new FrameWriter(() => undefined);
  for (const frame of frames) {
    const { hello, call, chunk, end, cancel, credit, state, ping } = frame as Typed;
    if (hello) writer.hello({ ...hello, ...hello.limits });
    if (call) {
      const leaf = { ...call, flushAfterMs: call.flushAfterUs / 1000 };
      const before = writer.sizeBytes;
      writer.call(call.id, leaf, call.timeLeftUs, call.credit);
      if (writer.sizeBytes - before !== writer.callSize(call.id, leaf, call.timeLeftUs, call.credit))
        throw new Error('callSize is not the size that call has');
    }
    if (chunk) {
      const padded = Buffer.concat([Buffer.from('ab'), chunk.data, Buffer.from('c')]);
      const { id, seq, data, last, shards, segmentBytes, queueUs, serviceUs, heldUs } = chunk;
      const to = 2 + data.length;
      writer.chunk(id, seq, padded, 2, to, last, shards, segmentBytes, queueUs, serviceUs, heldUs);
    }
    if (end) {
      const before = writer.sizeBytes;
      writer.end(end.id, end.statuses, end.queueUs, end.serviceUs, end.inFlight);
      if (writer.sizeBytes - before > endFrameSize(end.statuses))
        throw new Error('endFrameSize is too small');
    }
    if (cancel) writer.cancel(cancel.ids[0]!);
    if (credit) writer.credit(credit.id, credit.bytes);
    if (state) writer.state(state.draining, state.shards, state.inFlight);
    if (ping) writer.ping(ping.token, ping.reply);
  }
  return writer.take();
}
