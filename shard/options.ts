/** What `createWorker` takes, and the checks of it. */
import { hostname } from 'node:os';
import type { Clock } from '../shared/clock.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { Hook } from '../shared/lifecycle/lifecycle.ts';
import type { ProcessLog } from '../shared/log/logger.ts';
import type { CustomReducers } from '../shared/reducers/custom.ts';
import type { DescriptorSource } from '../shared/schema/descriptors.ts';
import type { ServerTls } from '../shared/tls/credentials.ts';
import type { Combining } from './combine.ts';
import type { HandlersOf, OpenedShard, Shard, UntypedHandlers } from './handlers.ts';

/** What a command line or a test may put in place of what the worker's module says. */
export interface WorkerStart {
  /** The shards to host, of `shardCount`. Default: shard 0 of 1. */
  readonly shards?: readonly number[] | undefined;
  /** How many shards there are in all. Default: one more than the highest of `shards`. */
  readonly shardCount?: number | undefined;
  /** "host:port"; port 0: any that is free. Default 127.0.0.1:0: nothing is open to others by accident. */
  readonly listen?: string | undefined;
  /** The admin port's address. Default: no admin port. */
  readonly admin?: string | undefined;
  /** Needed for lifecycle calls if `admin` isn't on loopback. */
  readonly adminToken?: string | undefined;
  /** Names the worker in logs and at roots. Default: host name and process id, which tells replicas on one machine apart. */
  readonly id?: string | undefined;
  /** Paths of PEM files. Default: plain text. */
  readonly tls?: ServerTls | undefined;
  /** Tasks that run at once. Default 2 × cores, at least 4: see `ExecutionOptions`. */
  readonly concurrency?: number | undefined;
  /** Tasks that may wait for a slot. Default 1000: see `ExecutionOptions`. */
  readonly queue?: number | undefined;
  /** Whether to make one part of the partials of a call's shards. Default 'auto': where it costs less than it saves; the answer is the same. */
  readonly combine?: Combining | undefined;
  readonly reducers?: CustomReducers | undefined;
  /** Stop on SIGTERM and SIGINT. Default true: a worker that doesn't drops the calls that run. */
  readonly signals?: boolean | undefined;
  /** Default: JSON lines on stderr, from `info`. */
  readonly log?: ProcessLog | undefined;
  /** What /configz shows, and what POST /reload does. Default: the options themselves; nothing to reload. */
  readonly config?: (() => object) | undefined;
}

/** Replaces how messages of one method are read or written, for instance to hand bytes on as they are. */
export interface CodecOverride {
  readonly decodeRequest?: (bytes: Uint8Array) => unknown;
  readonly encodeResponse?: (value: unknown) => Uint8Array;
}

export interface WorkerHooks {
  /** Everything is open and roots may call. */
  readonly onReady?: () => void;
  /** It drains: no new tasks come. Those that run are waited for anyway. */
  readonly onDrain?: Hook;
  /** The last task has ended and the shards are still open: what must be written down is written here. */
  readonly onSave?: Hook;
  /** After the shards have been closed. */
  readonly onStop?: Hook;
}

export interface WorkerOptions<H extends HandlersOf<H> = UntypedHandlers> extends WorkerStart {
  /** The .proto, or a descriptor set, and the service in it. `name` may be left out if it is the only one. */
  readonly service: DescriptorSource & { readonly name?: string };
  /** Called once per shard. What it throws keeps the worker from starting, and names the shard. */
  readonly open: (shard: Shard) => OpenedShard<H> | Promise<OpenedShard<H>>;
  readonly codec?: { readonly [M in keyof H]?: CodecOverride };
  readonly hooks?: WorkerHooks;
  /** Default 25,000 and 5,000 ms: see `LifecycleOptions`. */
  readonly drainLimitMs?: number;
  readonly saveLimitMs?: number;
  /**
   * How long a handler may ignore its aborted signal before its slot is given to others. Default 5,000 ms: long enough for any handler
   * that ends at all, and a few that never end don't block the worker for good.
   */
  readonly abandonAfterMs?: number;
  /** gRPC calls that may be open at once on a connection; a link is one. Default 1000: what plain roots need at most. */
  readonly maxStreams?: number;
  /** Leaf calls that may be open at once on a link. Default 10,000: the queue refuses long before. */
  readonly maxCalls?: number;
  readonly clock?: Clock;
}

/** What is left of the options where the handlers' types don't matter. */
export interface AnyWorkerOptions extends Omit<WorkerOptions, 'open' | 'codec'> {
  readonly open: (shard: Shard) => unknown;
  readonly codec?: Readonly<Record<string, CodecOverride | undefined>>;
}

export interface ShardSet {
  /** Ascending, not empty. */
  readonly shards: readonly number[];
  readonly count: number;
}

export function shardSet(start: WorkerStart): ShardSet {
  const shards = [...(start.shards ?? [0])].sort((a, b) => a - b);
  const given = start.shardCount;
  const count = given ?? (shards.at(-1) ?? 0) + 1;
  if (!Number.isInteger(count) || count < 1) throw invalid('shards.count', 'a whole number above 0', count);
  if (shards.length === 0) throw invalid('worker.shards', 'at least one shard', '[]');
  for (let i = 0; i < shards.length; i++) {
    const shard = shards[i]!;
    if (!Number.isInteger(shard) || shard < 0 || shard >= count) {
      throw invalid('worker.shards', `whole numbers 0..${count - 1}`, shard);
    }
    if (shard === shards[i - 1]) throw invalid('worker.shards', 'each shard once', `${shard} twice`);
  }
  return { shards, count };
}

export function bounded(field: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(field, `a whole number ${least}..${most}`, value);
}

function invalid(field: string, rule: string, value: unknown): RegatherError {
  return new RegatherError('CONFIG_INVALID', `Expected ${field} to be ${rule}, got ${String(value)}`, {
    field,
  });
}

export function defaultId(): string {
  return `${hostname()}-${process.pid}`;
}
