/**
 * The worker's side of the kit: what a worker process does to its own tasks when it is told to. Handlers ask `before` first; a process
 * that runs them passes on the orders that it gets over IPC.
 */
import { type Clock, systemClock } from '../../../shared/clock.ts';
import { draw, exponential } from './draw.ts';
import { type ServiceTime, serviceMs } from './service-time.ts';

/** `shards`: only those of the worker; left out: all. */
export type Order =
  | { readonly kind: 'hang'; readonly shards?: readonly number[] | undefined }
  | { readonly kind: 'slow'; readonly factor: number; readonly shards?: readonly number[] | undefined }
  | {
      readonly kind: 'stragglers';
      readonly share: number;
      readonly extraMs: readonly [number, number];
      readonly seed: number;
      readonly shards?: readonly number[] | undefined;
    }
  | {
      readonly kind: 'errors';
      readonly code: number;
      readonly share: number;
      readonly seed: number;
      readonly shards?: readonly number[] | undefined;
    }
  /** `everyMs`: the mean of exponential pauses between blocks; left out: once. */
  | { readonly kind: 'block'; readonly forMs: number; readonly everyMs?: number; readonly seed: number }
  | { readonly kind: 'heal'; readonly what: Exclude<Order['kind'], 'heal'> };

/** What the worker did to its tasks so far. */
export interface Tally {
  readonly tasks: number;
  /** Waited, over all tasks, by the service time and its factor. */
  readonly servedMs: number;
  readonly straggled: number;
  readonly hung: number;
  readonly failed: number;
  readonly blocks: number;
}

export interface WorkerFaultsOptions {
  /** Tells replicas of a shard apart in what is drawn. */
  readonly replica: number;
  /** Left out: handlers take no time of their own. */
  readonly serviceTime?: ServiceTime | undefined;
  readonly clock?: Clock;
}

type Of<K extends Order['kind']> = Extract<Order, { kind: K }>;

export class WorkerFaults {
  readonly #options: WorkerFaultsOptions;
  readonly #clock: Clock;
  #hang: Of<'hang'> | undefined;
  #slow: Of<'slow'> | undefined;
  #stragglers: Of<'stragglers'> | undefined;
  #errors: Of<'errors'> | undefined;
  #stopBlocks: (() => void) | undefined;
  #hanging = new Set<() => void>();
  readonly #tally = { tasks: 0, servedMs: 0, straggled: 0, hung: 0, failed: 0, blocks: 0 };

  constructor(options: WorkerFaultsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get tally(): Tally {
    return { ...this.#tally };
  }

  order(order: Order): void {
    switch (order.kind) {
      case 'hang':
        this.#hang = order;
        break;
      case 'slow':
        if (this.#options.serviceTime === undefined) {
          throw new TypeError('Expected a worker with a service time: there is nothing that could be slower');
        }
        this.#slow = order;
        break;
      case 'stragglers':
        this.#stragglers = order;
        break;
      case 'errors':
        this.#errors = order;
        break;
      case 'block':
        this.#block(order);
        break;
      case 'heal':
        this.#heal(order.what);
    }
  }

  /** What a task waits for before it does its work; undefined: nothing. Rejects if it is to fail, or was given up meanwhile. */
  before(request: number, shard: number, call: { readonly signal: AbortSignal }): Promise<void> | undefined {
    const tally = this.#tally;
    tally.tasks += 1;
    const { replica, serviceTime } = this.#options;
    const errors = hitting(this.#errors, shard);
    if (errors !== undefined && draw(errors.seed, request, shard, replica) < errors.share) {
      tally.failed += 1;
      return Promise.reject(
        Object.assign(new Error(`${replica}: told to fail (shard ${shard})`), { code: errors.code }),
      );
    }
    let ms = 0;
    if (serviceTime !== undefined) {
      ms = serviceMs(serviceTime, request, shard, replica) * (hitting(this.#slow, shard)?.factor ?? 1);
      tally.servedMs += ms;
    }
    const stragglers = hitting(this.#stragglers, shard);
    if (stragglers !== undefined && draw(stragglers.seed, request, shard, replica) < stragglers.share) {
      const [least, most] = stragglers.extraMs;
      ms += least + draw(stragglers.seed + 1, request, shard, replica) * (most - least);
      tally.straggled += 1;
    }
    if (hitting(this.#hang, shard) !== undefined) {
      tally.hung += 1;
      return this.#untilHealed(call.signal);
    }
    return ms > 0 ? this.#wait(ms, call.signal) : undefined;
  }

  #heal(what: Exclude<Order['kind'], 'heal'>): void {
    switch (what) {
      case 'hang': {
        this.#hang = undefined;
        const hanging = [...this.#hanging];
        this.#hanging.clear();
        for (const wake of hanging) wake();
        break;
      }
      case 'slow':
        this.#slow = undefined;
        break;
      case 'stragglers':
        this.#stragglers = undefined;
        break;
      case 'errors':
        this.#errors = undefined;
        break;
      case 'block':
        this.#stopBlocks?.();
        this.#stopBlocks = undefined;
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const gaveUp = (): void => {
        timer.cancel();
        reject(signal.reason);
      };
      const timer = this.#clock.setTimer(() => {
        signal.removeEventListener('abort', gaveUp);
        resolve();
      }, ms);
      signal.addEventListener('abort', gaveUp, { once: true });
    });
  }

  #untilHealed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const gaveUp = (): void => {
        this.#hanging.delete(wake);
        reject(signal.reason);
      };
      const wake = (): void => {
        signal.removeEventListener('abort', gaveUp);
        resolve();
      };
      this.#hanging.add(wake);
      signal.addEventListener('abort', gaveUp, { once: true });
    });
  }

  /** For real: nothing of this process runs meanwhile, not even what reads its sockets. */
  #block({ forMs, everyMs, seed }: Of<'block'>): void {
    this.#stopBlocks?.();
    const blockNow = (): void => {
      this.#tally.blocks += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
    };
    if (everyMs === undefined) {
      // After the turn in which the order is confirmed.
      this.#stopBlocks = cancelOf(this.#clock.setTimer(blockNow, 0));
      return;
    }
    let drawn = 0;
    const next = (): void => {
      const pause = pauseMs({ everyMs, seed }, drawn++, this.#options.replica);
      this.#stopBlocks = cancelOf(
        this.#clock.setTimer(() => {
          blockNow();
          next();
        }, pause),
      );
    };
    next();
  }
}

/** How long a worker runs before it is blocked for the nth time. */
export function pauseMs(
  { everyMs, seed }: { readonly everyMs: number; readonly seed: number },
  nth: number,
  replica: number,
): number {
  return exponential(everyMs, draw(seed, nth, replica));
}

function cancelOf(timer: { cancel(): void }): () => void {
  return () => timer.cancel();
}

function hitting<O extends { readonly shards?: readonly number[] | undefined }>(
  order: O | undefined,
  shard: number,
): O | undefined {
  return order !== undefined && (order.shards === undefined || order.shards.includes(shard))
    ? order
    : undefined;
}
