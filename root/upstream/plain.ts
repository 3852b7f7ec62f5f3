/**
 * A worker that is any gRPC server of the service: its methods are called directly, one task per call, with the shard in metadata
 * `regather-shard`. The channel is ours alone, because grpc-js has no connect timeout and a pooled one can't be replaced.
 */
import {
  type ChannelCredentials,
  Client,
  connectivityState,
  Metadata,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { clientChannelOptions } from '../../shared/link/channel-options.ts';
import { ConnectionTracker } from '../../shared/link/connection-tracker.ts';
import type {
  LeafCall,
  LeafEnd,
  LeafHandle,
  LeafSink,
  TaskFailure,
  Upstream,
} from '../../shared/link/leaf-call.ts';
import { LEAF_KEY, MIN_COVERAGE_KEY, SHARD_KEY } from '../../shared/link/leaf-metadata.ts';
import { PRIORITY_KEY } from '../../shared/link/priority.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import type { ClientTls } from '../../shared/tls/credentials.ts';
import { COVERAGE_KEY } from '../coverage.ts';

export interface PlainUpstreamOptions {
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly workerTls: ClientTls | undefined;
  readonly plan: ServicePlan;
  /** A channel that is still connecting after this long is replaced, and calls fail meanwhile. */
  readonly connectTimeoutMs: number;
  /** There is a new connection: the worker may be another one. Not called for the first. */
  readonly onReconnected: () => void;
}

const identity = (bytes: Buffer): Buffer => bytes;
const NO_SEGMENTS: readonly number[] = [];

/**
 * Resets on one connection that a Node server tolerates in the long run are about 33 a second, and other implementations have
 * limits of their own: what is over this budget isn't reset but left to its own deadline.
 */
const RESETS_PER_SECOND = 25;
/** A message is received, up to so many times the bound, to name its size; a larger one isn't, to bound what a worker can make the root hold. */
const MAX_OVERSIZE = 8;
/** Bytes of a stream's items that may wait for their consumer before the call is paused. */
const STREAM_CREDIT = 256 * 1024;

export class PlainUpstream implements Upstream {
  readonly #options: PlainUpstreamOptions;
  readonly #paths = new Map<string, string>();
  /** Bytes of a message that the channel takes. */
  readonly maxReceived: number;
  #client: Client;
  #connections: ConnectionTracker;
  #connectingSince: number | undefined;
  #connectedOnce = false;
  #resetTokens = RESETS_PER_SECOND;
  #resetAt = performance.now();

  constructor(options: PlainUpstreamOptions) {
    this.#options = options;
    for (const method of options.plan.methods) this.#paths.set(method.leaf.name, method.leaf.path);
    const largest = Math.max(...options.plan.methods.map(({ maxAnswerBytes }) => maxAnswerBytes));
    this.maxReceived = MAX_OVERSIZE * largest;
    this.#connections = new ConnectionTracker(options.credentials);
    this.#client = this.#connect();
  }

  run(call: LeafCall, sink: LeafSink): LeafHandle {
    if (this.#stuck()) {
      const calls = new PlainCall(this, call, sink);
      queueMicrotask(() =>
        calls.failAll(`${this.#options.address} doesn't answer: no HTTP/2 connection yet`),
      );
      return calls;
    }
    const calls = new PlainCall(this, call, sink);
    calls.start(this.#client, this.#paths.get(call.method)!);
    return calls;
  }

  close(): void {
    this.#client.close();
    this.#connections.destroy();
  }

  /** Whether a call may be reset now, by the budget of resets. */
  takeReset(): boolean {
    const now = performance.now();
    this.#resetTokens = Math.min(
      RESETS_PER_SECOND,
      this.#resetTokens + ((now - this.#resetAt) / 1000) * RESETS_PER_SECOND,
    );
    this.#resetAt = now;
    if (this.#resetTokens < 1) return false;
    this.#resetTokens--;
    return true;
  }

  #connect(): Client {
    const client = new Client(this.#options.address, this.#connections.credentials, {
      ...clientChannelOptions(this.maxReceived, this.#options.workerTls?.server_name),
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
    });
    this.#connectingSince = undefined;
    this.#watch(client);
    return client;
  }

  /** Notes since when the channel has been connecting, by its own state changes. */
  #watch(client: Client): void {
    const channel = client.getChannel();
    const state = channel.getConnectivityState(false);
    if (state === connectivityState.SHUTDOWN) return;
    if (client === this.#client || this.#client === undefined) {
      this.#connectingSince =
        state === connectivityState.CONNECTING ? (this.#connectingSince ?? performance.now()) : undefined;
    }
    if (state === connectivityState.READY) {
      if (this.#connectedOnce) this.#options.onReconnected();
      this.#connectedOnce = true;
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
      if (error === undefined || error === null) this.#watch(client);
    });
  }

  #stuck(): boolean {
    if (this.#connectingSince === undefined) return false;
    if (performance.now() - this.#connectingSince < this.#options.connectTimeoutMs) return false;
    this.close();
    this.#connections = new ConnectionTracker(this.#options.credentials);
    this.#client = this.#connect();
    this.#client.getChannel().getConnectivityState(true);
    return true;
  }
}

interface Running {
  cancel(): void;
}

/** One leaf call: as many gRPC calls as it has tasks. */
class PlainCall implements LeafHandle {
  readonly #upstream: PlainUpstream;
  readonly #call: LeafCall;
  readonly #sink: LeafSink;
  readonly #running: (Running | undefined)[];
  readonly #failures: TaskFailure[] = [];
  #open: number;
  #cancelled = false;
  #ahead = 0;
  #paused: { resume(): unknown }[] = [];

  constructor(upstream: PlainUpstream, call: LeafCall, sink: LeafSink) {
    this.#upstream = upstream;
    this.#call = call;
    this.#sink = sink;
    this.#open = call.tasks.length;
    this.#running = new Array(call.tasks.length);
  }

  start(client: Client, path: string): void {
    const { tasks, streaming } = this.#call;
    for (let i = 0; i < tasks.length; i++) {
      if (streaming) this.#startStream(client, path, i);
      else this.#startUnary(client, path, i);
    }
  }

  failAll(message: string): void {
    for (const task of this.#call.tasks) {
      this.#failures.push({
        shard: task.shard,
        code: status.UNAVAILABLE,
        message,
        notStarted: true,
        pushbackMs: 0,
        source: 'transport',
      });
    }
    this.#open = 0;
    this.#end();
  }

  cancel(): void {
    if (this.#cancelled || this.#open === 0) return;
    this.#cancelled = true;
    for (let i = 0; i < this.#running.length; i++) {
      const running = this.#running[i];
      if (running === undefined) continue;
      // Without a reset left it runs to its own deadline, which the server keeps; nobody waits for it.
      if (this.#upstream.takeReset()) running.cancel();
      this.#settle(i, {
        shard: this.#call.tasks[i]!.shard,
        code: status.CANCELLED,
        message: 'cancelled',
        notStarted: false,
        pushbackMs: 0,
        source: 'task',
      });
    }
  }

  grant(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead > STREAM_CREDIT || this.#paused.length === 0) return;
    const paused = this.#paused;
    this.#paused = [];
    for (const stream of paused) stream.resume();
  }

  #metadata(shard: number): Metadata {
    const { metadata, deadline, priority, minCoverage } = this.#call;
    const sent = new Metadata();
    for (const [key, value] of metadata) sent.add(key, value);
    sent.set(SHARD_KEY, String(shard));
    sent.set(LEAF_KEY, '1');
    if (priority !== 0) sent.set(PRIORITY_KEY, String(priority));
    if (minCoverage !== undefined) sent.set(MIN_COVERAGE_KEY, String(minCoverage));
    // By hand, and without a client-side deadline: the caller has one timer for all of them, and a deadline of grpc-js's
    // would reset the stream on its own (see RESETS_PER_SECOND). The header takes 8 digits at most.
    const leftUs = Math.max(1, Math.ceil((deadline - performance.now()) * 1000));
    sent.set(
      'grpc-timeout',
      leftUs < 1e8 ? `${leftUs}u` : `${Math.min(99_999_999, Math.ceil(leftUs / 1000))}m`,
    );
    return sent;
  }

  #startUnary(client: Client, path: string, index: number): void {
    const task = this.#call.tasks[index]!;
    const { maxPartBytes } = this.#call;
    let failure: TaskFailure | undefined;
    let answer: Buffer | undefined;
    const running = client.makeUnaryRequest<Buffer, Buffer>(
      path,
      identity,
      identity,
      (task.payload ?? this.#call.payload) as Buffer,
      this.#metadata(task.shard),
      {},
      (error, response) => {
        if (error !== null || response === undefined)
          failure = failureOf(task.shard, error, maxPartBytes, this.#upstream.maxReceived);
        else if (response.length > maxPartBytes)
          failure = tooLarge(task.shard, response.length, maxPartBytes);
        else answer = response;
      },
    );
    this.#running[index] = running;
    // Comes right after the callback, with the trailers that it lacks.
    running.on('status', ({ metadata }) => {
      if (this.#running[index] === undefined) return;
      // It has ended: if its part is enough and the call is cancelled for it, only the others are.
      this.#running[index] = undefined;
      if (answer !== undefined) {
        this.#below(task.shard, metadata);
        this.#sink.part([task.shard], answer, NO_SEGMENTS);
      }
      this.#settle(index, failure);
    });
  }

  #startStream(client: Client, path: string, index: number): void {
    const task = this.#call.tasks[index]!;
    const { maxPartBytes } = this.#call;
    const stream = client.makeServerStreamRequest<Buffer, Buffer>(
      path,
      identity,
      identity,
      (task.payload ?? this.#call.payload) as Buffer,
      this.#metadata(task.shard),
      {},
    );
    this.#running[index] = stream;
    stream.on('data', (item: Buffer) => {
      if (this.#running[index] === undefined) return;
      if (item.length > maxPartBytes) {
        this.#settle(index, tooLarge(task.shard, item.length, maxPartBytes));
        stream.cancel();
        return;
      }
      this.#ahead += item.length;
      if (this.#ahead > STREAM_CREDIT) {
        stream.pause();
        this.#paused.push(stream);
      }
      this.#sink.part([task.shard], item, [item.length]);
    });
    // 'status' comes as soon as the trailers do; the items before it may still be waiting in a paused stream: 'end' waits for them.
    stream.on('error', (error: StatusObject & Error) => {
      if (this.#running[index] !== undefined)
        this.#settle(index, failureOf(task.shard, error, maxPartBytes, this.#upstream.maxReceived));
    });
    let trailers: Metadata | undefined;
    stream.on('status', ({ metadata }: StatusObject) => {
      trailers = metadata;
    });
    stream.on('end', () => {
      setImmediate(() => {
        if (this.#running[index] === undefined) return;
        // As above: coverage that can't be read ends the call, which must not cancel what has ended.
        this.#running[index] = undefined;
        if (trailers !== undefined) this.#below(task.shard, trailers);
        this.#settle(index, undefined);
      });
    });
  }

  /** A root as a shard tells in its trailers what is missing below it. */
  #below(shard: number, trailers: Metadata): void {
    const [coverage] = trailers.get(COVERAGE_KEY);
    if (coverage instanceof Buffer) this.#sink.below?.(shard, coverage);
  }

  #settle(index: number, failure: TaskFailure | undefined): void {
    this.#running[index] = undefined;
    if (failure !== undefined) this.#failures.push(failure);
    if (--this.#open === 0) {
      // `end` never comes from within `cancel` either, so that callers needn't expect it in the middle of their own work.
      if (this.#cancelled) queueMicrotask(() => this.#end());
      else this.#end();
    }
  }

  #end(): void {
    const end: LeafEnd = { failures: this.#failures, queueUs: 0, serviceUs: 0, inFlight: -1 };
    this.#sink.end(end);
  }
}

function tooLarge(shard: number, sizeBytes: number, maxBytes: number): TaskFailure {
  return {
    shard,
    code: status.RESOURCE_EXHAUSTED,
    message: `the partial has ${sizeBytes} bytes, the most is ${maxBytes} (max_answer_bytes)`,
    notStarted: false,
    pushbackMs: 0,
    source: 'protocol',
  };
}

/**
 * What grpc-js says by itself, when there is no server to say anything. Its texts are all there is to tell these from a server's own
 * UNAVAILABLE; a test holds them to the version in use.
 */
const NEVER_SENT =
  /^(No connection established|Name resolution failed|Stream refused by server|Channel closed before call started)/;
const LOST = /^(Connection dropped|Received RST_STREAM|Write (error|failed)|(read|write|connect) E[A-Z]+)/;

/** What grpc-js says of a response above the channel's bound; a server says the same of a request above its own. */
const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)$/;

function failureOf(
  shard: number,
  error: (StatusObject & Error) | null,
  maxPartBytes: number,
  maxReceived: number,
): TaskFailure {
  if (error === null) {
    return {
      shard,
      code: status.INTERNAL,
      message: 'neither a response nor a status came',
      notStarted: false,
      pushbackMs: 0,
      source: 'protocol',
    };
  }
  const [, sizeBytes, bound] = TOO_LARGE.exec(error.details) ?? [];
  if (Number(bound) === maxReceived) return tooLarge(shard, Number(sizeBytes), maxPartBytes);
  const details = error.metadata.get('grpc-status-details-bin')[0];
  const pushback = Number(error.metadata.get('grpc-retry-pushback-ms')[0] ?? 0);
  const neverSent = NEVER_SENT.test(error.details);
  const lost = neverSent || LOST.test(error.details);
  return {
    shard,
    // A connection that breaks shows as INTERNAL or CANCELLED too, depending on how it broke.
    code: lost ? status.UNAVAILABLE : error.code,
    message: error.details,
    ...(details instanceof Buffer ? { details } : {}),
    notStarted: neverSent,
    pushbackMs: Number.isFinite(pushback) ? Math.max(-1, pushback) : 0,
    source: lost ? 'transport' : 'task',
  };
}
