/**
 * A call of the service's own method, from a root in plain mode or any gRPC client: one task, in the same slots as those of
 * leaf calls.
 */
import { Metadata, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { fitMessage } from '../shared/errors/trailer-text.ts';
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import { leafMetadata, SHARD_KEY } from '../shared/link/leaf-metadata.ts';
import { requestedPriority } from '../shared/link/priority.ts';
import type { Host } from './host.ts';
import type { HostedShard } from './hosted-shard.ts';
import type { WorkerMethod } from './method.ts';
import { draining, notServed, shardMisnamed, shardUnnamed, turnedAway } from './refusals.ts';
import { isStatus, type Status, statusOf } from './status.ts';
import { Task, type TaskOwner } from './task.ts';

/** A client's own timer began when it sent the call: at the deadline it leaves this much before ours would fire, at most. */
const clientsLeadMs = 50;

/** Of 4 KiB of trailers: more loses the whole call in some clients. Details are base64 on the wire, 4 bytes of 3. */
const maxMessageBytes = 1600;
const maxDetailsBytes = 1700;

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type StreamCall = ServerWritableStream<Buffer, Buffer>;

/** What both kinds of call have. */
interface PlainCall {
  readonly request: Buffer;
  readonly metadata: Metadata;
  getPeer(): string;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** What differs between a unary and a streaming call. */
interface Reply {
  answered(data: Uint8Array): void;
  failed(error: PlainError): void;
  items(data: Uint8Array, lengths: readonly number[]): Promise<void> | undefined;
}

interface PlainError {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export function serveUnary(
  host: Host,
  method: WorkerMethod,
): (call: UnaryCall, callback: sendUnaryData<Buffer>) => void {
  return (call, callback) => {
    run(host, method, call, {
      answered: (data) => callback(null, asBuffer(data)),
      failed: (error) => callback(error),
      items: () => undefined,
    });
  };
}

export function serveStream(host: Host, method: WorkerMethod): (call: StreamCall) => void {
  return (call) => run(host, method, call, new StreamReply(call));
}

class StreamReply implements Reply {
  readonly #call: StreamCall;
  /** Goes on after a pause. One at most: the next item is asked for only then. */
  #resume: (() => void) | undefined;

  constructor(call: StreamCall) {
    this.#call = call;
    // Once for all pauses: a long stream has thousands.
    const resume = (): void => this.#resume?.();
    call.on('drain', resume);
    call.on('cancelled', resume);
  }

  answered(): void {
    this.#call.end();
  }
  failed(error: PlainError): void {
    // grpc-js sends it as the status, after the items that are still being written.
    this.#call.emit('error', error);
  }
  items(data: Uint8Array, lengths: readonly number[]): Promise<void> | undefined {
    let at = 0;
    let more = true;
    for (const length of lengths) {
      more = this.#call.write(asBuffer(data.subarray(at, at + length)));
      at += length;
    }
    if (more || this.#call.cancelled) return undefined;
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}

function run(host: Host, method: WorkerMethod, call: PlainCall, reply: Reply): void {
  host.began();
  new PlainRun(host, method, call, reply).start(call);
}

class PlainRun implements TaskOwner {
  readonly host: Host;
  readonly deadline: number;
  priority = 0;
  /** The connection, so that several plain roots take turns. */
  readonly root: string;
  readonly metadata: LeafMetadata;
  readonly maxPartBytes: number;
  readonly #method: WorkerMethod;
  readonly #reply: Reply;
  #over = false;

  constructor(host: Host, method: WorkerMethod, call: PlainCall, reply: Reply) {
    this.host = host;
    this.deadline = deadlineOf(call, host.clock.now());
    this.root = call.getPeer();
    this.metadata = leafMetadata(call.metadata);
    this.maxPartBytes = method.plan.maxAnswerBytes;
    this.#method = method;
    this.#reply = reply;
  }

  start(call: PlainCall): void {
    const { host } = this;
    const method = this.#method;
    const { notStarted } = method.metrics;
    if (host.draining) {
      notStarted.draining.value += 1;
      this.#fail(draining);
      return;
    }
    try {
      this.priority = requestedPriority(call.metadata);
    } catch (error) {
      this.#fail(statusOf(error));
      return;
    }
    const shard = shardFor(host, method, call.metadata);
    if (isStatus(shard)) {
      notStarted.not_served.value += 1;
      this.#fail(shard);
      return;
    }
    const task = new Task(this, method, shard, 0, call.request);
    const turned = host.execution.submit(task);
    if (turned !== undefined) {
      notStarted[turned].value += 1;
      this.#fail(turnedAway(turned, host.execution), host.execution.pushbackMs());
      return;
    }
    // A deadline that passes comes as this event too: grpc-js keeps the timer and sends the status.
    call.once('cancelled', () => {
      if (this.#over) return;
      task.giveUp(host.clock.now() >= this.deadline - clientsLeadMs ? 'deadline' : 'cancelled');
      this.#end();
    });
  }

  answered(_task: Task, data: Uint8Array): void {
    this.host.metrics.bytesOut.value += data.length;
    this.#reply.answered(data);
    this.#end();
  }

  failed(_task: Task, status: Status, _notStarted: boolean, pushbackMs: number): void {
    this.#fail(status, pushbackMs);
  }

  items(_task: Task, data: Uint8Array, lengths: readonly number[]): Promise<void> | undefined {
    this.host.metrics.bytesOut.value += data.length;
    return this.#reply.items(data, lengths);
  }

  #fail(status: Status, pushbackMs = 0): void {
    const metadata = new Metadata();
    if (status.details !== undefined && status.details.length <= maxDetailsBytes) {
      metadata.set('grpc-status-details-bin', asBuffer(status.details));
    }
    if (pushbackMs > 0) metadata.set('grpc-retry-pushback-ms', String(pushbackMs));
    this.#reply.failed({ code: status.code, details: fitMessage(status.message, maxMessageBytes), metadata });
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.host.ended();
  }
}

/** Which shard is meant: the one named, or the only one. */
function shardFor(host: Host, method: WorkerMethod, metadata: Metadata): HostedShard | Status {
  const named = metadata.get(SHARD_KEY);
  const { shards } = host;
  let index: number;
  if (named.length === 0) {
    if (shards.size > 1) return shardUnnamed(SHARD_KEY, shards.size);
    index = shards.keys().next().value ?? -1;
  } else {
    index = Number(named[0]);
    if (named.length > 1 || named[0] === '' || !Number.isInteger(index) || index < 0) {
      return shardMisnamed(SHARD_KEY, named);
    }
  }
  const shard = shards.get(index);
  return shard?.handlers[method.index] === undefined ? notServed(index) : shard;
}

function deadlineOf(call: PlainCall, now: number): number {
  const deadline = Number(call.getDeadline());
  return Number.isFinite(deadline) ? now + deadline - Date.now() : Number.POSITIVE_INFINITY;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
