/**
 * All breakers of a root: made for its workers and replicas, watched for slow ejection, overridden by operators. What an operator said
 * belongs to the worker's id, and holds as long as the topology names the worker (and, of one replica, gives it the shard).
 */
import type { BreakerWord } from '../../shared/admin/admin.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { Logger } from '../../shared/log/logger.ts';
import type { RootMetrics } from '../../shared/metrics/root.ts';
import { didYouMean } from '../../shared/schema/suggest.ts';
import { Breaker, type BreakerOptions, type BreakerState, BreakerWindow, type Override } from './breaker.ts';
import { type EjectionOptions, endWindow } from './ejection.ts';
import { type Replica, sendable } from './replica-set.ts';

export interface BreakersOptions {
  readonly breaker: BreakerOptions;
  readonly ejection: EjectionOptions;
  readonly clock: Clock;
  /** 0 … 1, for jitter. Default Math.random. */
  readonly random?: () => number;
  readonly log: Logger;
  readonly metrics: RootMetrics;
  /** Choices made before may be stale. */
  readonly onChange: () => void;
  /** The replicas of each shard that are in use. */
  readonly replicas: () => readonly (readonly Replica[])[];
}

export interface Overridden {
  readonly worker: string;
  readonly shard?: number;
  readonly word: BreakerWord;
  readonly state: BreakerState;
}

/** Of one worker. */
interface OfWorker {
  readonly id: string;
  override: Override | undefined;
  readonly overrides: Map<number, Override>;
  /** Its breaker now, and its replicas': those of a former address live until their calls have ended. */
  breaker: Breaker | undefined;
  readonly replicas: Map<number, Breaker>;
}

export class Breakers {
  readonly #options: BreakersOptions;
  readonly #window: BreakerWindow;
  readonly #workers = new Map<string, OfWorker>();
  #timer: Timer | undefined;

  constructor(options: BreakersOptions) {
    this.#options = options;
    this.#window = new BreakerWindow(options.breaker.windowMs, options.clock);
    if (options.ejection.enabled) this.#watch();
  }

  /** For the transport of a worker, which hosts those shards: a new one, or one at another address. */
  ofWorker(id: string, shards: readonly number[]): Breaker {
    const metrics = this.#options.metrics.worker(id);
    const worker = this.#of(id);
    worker.replicas.clear();
    for (const shard of worker.overrides.keys()) if (!shards.includes(shard)) worker.overrides.delete(shard);
    this.#countOverrides();
    const breaker = this.#make(
      id,
      undefined,
      (state) => metrics.setBreakerState(state),
      () => this.#workers.get(id)?.breaker === breaker,
    );
    if (worker.breaker !== undefined && worker.breaker.state !== 'closed') metrics.setBreakerState('closed');
    worker.breaker = breaker;
    if (worker.override !== undefined) breaker.override = worker.override;
    return breaker;
  }

  /** For the statuses of a replica's tasks. */
  ofReplica(id: string, shard: number): Breaker {
    const metrics = this.#options.metrics.worker(id);
    const worker = this.#of(id);
    let counted: BreakerState = 'closed';
    metrics.replicaBreakers.closed.inc();
    const breaker = this.#make(
      id,
      shard,
      (state) => {
        metrics.replicaBreakers[counted].dec();
        metrics.replicaBreakers[state].inc();
        metrics.replicaBreakerTransitions[state].inc();
        counted = state;
      },
      () => this.#workers.get(id)?.replicas.get(shard) === breaker,
      () => metrics.replicaBreakers[counted].dec(),
    );
    worker.replicas.set(shard, breaker);
    const override = worker.overrides.get(shard);
    if (override !== undefined) breaker.override = override;
    return breaker;
  }

  /** The topology takes the shard from the worker. */
  forgetReplica(id: string, shard: number): void {
    const worker = this.#of(id);
    worker.replicas.delete(shard);
    if (worker.overrides.delete(shard)) this.#countOverrides();
  }

  /** The topology doesn't name the worker any more. */
  forgetWorker(id: string): void {
    if (this.#workers.delete(id)) this.#countOverrides();
  }

  /** `target`: a worker, or one of its replicas as "worker/shard". Throws RegatherError USAGE for one that isn't there. */
  override(target: string, word: BreakerWord): Overridden {
    const { worker, shard } = this.#find(target);
    const override = word === 'auto' ? undefined : word === 'open' ? 'open' : 'closed';
    if (shard === undefined) worker.override = override;
    else if (override === undefined) worker.overrides.delete(shard);
    else worker.overrides.set(shard, override);
    const breaker = shard === undefined ? worker.breaker! : worker.replicas.get(shard)!;
    breaker.override = override;
    this.#countOverrides();
    this.#options.log.warn('an operator set a breaker', { worker: worker.id, shard, to: word });
    this.#options.onChange();
    return { worker: worker.id, ...(shard === undefined ? {} : { shard }), word, state: breaker.state };
  }

  close(): void {
    this.#timer?.cancel();
    this.#window.close();
  }

  #of(id: string): OfWorker {
    let worker = this.#workers.get(id);
    if (worker === undefined) {
      worker = { id, override: undefined, overrides: new Map(), breaker: undefined, replicas: new Map() };
      this.#workers.set(id, worker);
    }
    return worker;
  }

  #make(
    id: string,
    shard: number | undefined,
    entered: (state: BreakerState) => void,
    current: () => boolean,
    closed?: () => void,
  ): Breaker {
    const { breaker, clock, random, log, metrics, onChange } = this.#options;
    const what = shard === undefined ? "the worker's" : "a replica's";
    return new Breaker(
      this.#window,
      breaker,
      {
        changed: (state, why) => {
          // One that has left must not speak for the one that has its id now.
          if (!current()) return;
          entered(state);
          log.warn(`${what} breaker is ${state}`, {
            worker: id,
            ...(shard === undefined ? {} : { shard }),
            ...(why === '' ? {} : { why }),
          });
          onChange();
        },
        probed: (succeeded) => {
          // Nor bring back the series of a worker that the topology has forgotten.
          if (current()) metrics.worker(id).breakerProbes[succeeded ? 'ok' : 'failed'].inc();
        },
        ...(closed === undefined ? {} : { closed }),
      },
      clock,
      random,
    );
  }

  #find(target: string): { worker: OfWorker; shard: number | undefined } {
    const whole = this.#workers.get(target);
    if (whole?.breaker !== undefined) return { worker: whole, shard: undefined };
    const slash = target.lastIndexOf('/');
    const worker = slash < 0 ? undefined : this.#workers.get(target.slice(0, slash));
    if (worker?.breaker === undefined) {
      const ids = [...this.#workers.keys()];
      const id = slash < 0 ? target : target.slice(0, slash);
      const hint = didYouMean(id, ids) || ` The topology has: ${ids.join(', ') || 'none'}`;
      throw new RegatherError('USAGE', `Expected a worker of the topology, got "${id}".${hint}`);
    }
    const shard = target.slice(slash + 1);
    if (/^\d+$/.test(shard) && worker.replicas.has(Number(shard))) return { worker, shard: Number(shard) };
    const hosted = [...worker.replicas.keys()].sort((a, b) => a - b).join(', ');
    throw new RegatherError('USAGE', `Expected a shard of ${worker.id} (${hosted}), got "${shard}"`);
  }

  #countOverrides(): void {
    const counts = { open: 0, closed: 0 };
    for (const { override, overrides } of this.#workers.values()) {
      if (override !== undefined) counts[override]++;
      for (const one of overrides.values()) counts[one]++;
    }
    const { breakerOverrides } = this.#options.metrics;
    breakerOverrides.open.set(counts.open);
    breakerOverrides.closed.set(counts.closed);
  }

  /** One window of slow ejection after the other. */
  #watch(): void {
    const { clock, ejection, metrics, log, replicas } = this.#options;
    this.#timer = clock.setTimer(() => {
      for (const { worker, shard, reason } of endWindow(replicas(), ejection, sendable)) {
        metrics.worker(worker).ejections[shard === undefined ? 'worker' : 'replica'].inc();
        log.warn('ejected for being slow', { worker, shard, reason });
      }
      this.#watch();
    }, ejection.windowMs);
  }
}
