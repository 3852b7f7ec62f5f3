/** A shard that is open on this worker: its handlers in the order of the methods, and how to close it. */
import { RegatherError } from '../shared/errors/errors.ts';
import type { Logger } from '../shared/log/logger.ts';
import { Compartment } from './bulkheads.ts';
import type { Call, Shard } from './handlers.ts';
import type { WorkerMethod } from './method.ts';

export type BoundHandler = (request: unknown, call: Call) => unknown;

export interface HostedShard {
  readonly index: number;
  /** By `WorkerMethod.index`; undefined only where the method isn't required. */
  readonly handlers: readonly (BoundHandler | undefined)[];
  /** By `WorkerMethod.index`; undefined for streaming ones, which take as long as their reader. */
  readonly compartments: readonly (Compartment | undefined)[];
  close(): Promise<void>;
}

/** For the admin port while it loads. */
export interface ShardProgress {
  state: 'waiting' | 'opening' | 'open' | 'failed' | 'closed';
  /** 0 to 1 */
  done: number;
  what: string;
  tookMs: number;
}

export interface OpenOptions {
  readonly index: number;
  readonly count: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly methods: readonly WorkerMethod[];
  readonly progress: ShardProgress;
  readonly open: (shard: Shard) => unknown;
  readonly now: () => number;
}

/** Rejects with a RegatherError that names the shard. */
export async function openShard(options: OpenOptions): Promise<HostedShard> {
  const { index, count, progress, methods } = options;
  const startedAt = options.now();
  const log = options.log.child({ shard: index });
  progress.state = 'opening';
  try {
    const opened = await options.open({
      index,
      count,
      signal: options.signal,
      log,
      progress(done, what = '') {
        progress.done = Math.min(1, Math.max(0, done));
        progress.what = what;
      },
    });
    const shard = bind(index, opened, methods);
    progress.tookMs = options.now() - startedAt;
    progress.state = 'open';
    progress.done = 1;
    progress.what = '';
    log.info('Shard open', { tookMs: Math.round(progress.tookMs) });
    return {
      ...shard,
      async close() {
        progress.state = 'closed';
        await shard.close();
      },
    };
  } catch (error) {
    progress.state = 'failed';
    progress.what = error instanceof Error ? error.message : String(error);
    if (error instanceof RegatherError) throw error;
    throw new RegatherError('MODULE_INVALID', `Shard ${index} failed to open: ${progress.what}`, {
      shards: [index],
      cause: error,
    });
  }
}

function bind(index: number, opened: unknown, methods: readonly WorkerMethod[]): HostedShard {
  if (typeof opened !== 'object' || opened === null) {
    throw new RegatherError(
      'MODULE_INVALID',
      `Expected open() of shard ${index} to return an object of handlers, got ${String(opened)}`,
      {
        shards: [index],
      },
    );
  }
  const object = opened as Readonly<Record<string, unknown>>;
  const handlers = methods.map((method): BoundHandler | undefined => {
    const handler = object[method.name];
    if (typeof handler === 'function') return handler.bind(object) as BoundHandler;
    if (handler === undefined && !method.required) return undefined;
    throw new RegatherError(
      'MODULE_INVALID',
      `Expected open() of shard ${index} to return a function ${method.name}, got ${handler === undefined ? 'nothing' : typeof handler}`,
      { shards: [index], field: method.name },
    );
  });
  const { close } = object;
  if (close !== undefined && typeof close !== 'function') {
    throw new RegatherError(
      'MODULE_INVALID',
      `Expected close of shard ${index} to be a function, got ${typeof close}`,
      {
        shards: [index],
        field: 'close',
      },
    );
  }
  return {
    index,
    handlers,
    compartments: methods.map(({ name, typical }) =>
      typical === undefined ? undefined : new Compartment(name, index, typical),
    ),
    async close() {
      await close?.call(object);
    },
  };
}
