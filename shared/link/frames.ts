/** What travels in a link's frames, and the protocol's numbers. Field numbers are those of proto/regather/v1/link.proto. */
import type { PlanField } from '../schema/hello.ts';
import type { LeafMetadata, LeafTask, TaskFailure } from './leaf-call.ts';

/** The protocol's version that this code speaks. */
export const LINK_VERSION = 1;
/** A message closes at this size, so that nobody waits behind a message for long; only a single larger frame exceeds it. */
export const BATCH_BYTES = 256 * 1024;
/** The most data in a chunk: what a small answer may have to wait for, per large answer beside it. */
export const CHUNK_BYTES = 32 * 1024;
/** The largest message taken, and assumed of a peer that names none: grpc's own default. */
export const MESSAGE_BYTES = 4 * 1024 * 1024;
/** Bytes of chunk data that a worker may send ahead for a call: eight chunks keep a pipe full on a fast network. */
export const CREDIT_BYTES = 256 * 1024;

export interface HelloFrame {
  readonly version: number;
  readonly service: string;
  readonly peer: string;
  readonly plan: readonly PlanField[];
  readonly shards: readonly number[];
  readonly shardCount: number;
  /** 0: no bound. */
  readonly maxCalls: number;
  /** 0: MESSAGE_BYTES. */
  readonly maxMessageBytes: number;
}

/** A Call as it is written; a `LeafCall` is one. */
export interface CallFrame {
  readonly method: string;
  readonly payload: Uint8Array;
  readonly tasks: readonly LeafTask[];
  readonly flushAfterMs: number;
  readonly priority: number;
  readonly epoch: number;
  readonly metadata: LeafMetadata;
  readonly maxPartBytes: number;
  /** Default false. */
  readonly apart?: boolean;
}

/**
 * Takes frames as they are read. Bytes are views into the message. A handler may write frames or start calls, but a message
 * isn't read any further once it has thrown.
 */
export interface FrameHandler {
  hello(hello: HelloFrame): void;
  call(
    id: number,
    method: string,
    payload: Buffer,
    tasks: LeafTask[],
    timeLeftUs: number,
    flushAfterUs: number,
    priority: number,
    epoch: number,
    metadata: LeafMetadata,
    credit: number,
    maxPartBytes: number,
    apart: boolean,
  ): void;
  chunk(
    id: number,
    seq: number,
    data: Buffer,
    last: boolean,
    shards: readonly number[],
    segmentBytes: readonly number[],
    queueUs: readonly number[],
    serviceUs: readonly number[],
    heldUs: number,
  ): void;
  end(
    id: number,
    statuses: readonly TaskFailure[],
    queueUs: number,
    serviceUs: number,
    inFlight: number,
  ): void;
  cancel(id: number): void;
  credit(id: number, bytes: number): void;
  state(draining: boolean, shards: readonly number[], inFlight: number): void;
  ping(token: bigint, reply: boolean): void;
}
