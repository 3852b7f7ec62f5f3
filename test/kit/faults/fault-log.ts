/** What was broken, where and when: what coverage is compared with, and what pictures shade. */
import { type Clock, systemClock } from '../../../shared/clock.ts';
import type { Effect, Fault, Injected, Target } from './fault.ts';
import { injected } from './fault.ts';

export interface FaultEntry {
  readonly label: string;
  readonly effect: Effect;
  readonly target: string;
  /** On the clock, ms: from before the fault was injected until after it was healed; undefined: it isn't yet. */
  readonly from: number;
  to: number | undefined;
}

export class FaultLog {
  readonly entries: FaultEntry[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async inject(fault: Fault, target: Target): Promise<Injected> {
    const { label, effect } = fault;
    const entry: FaultEntry = {
      label,
      effect,
      target: target.id,
      from: this.#clock.now(),
      to: undefined,
    };
    this.entries.push(entry);
    const one = await fault.inject(target);
    return injected(async () => {
      await one.heal();
      entry.to = this.#clock.now();
    });
  }

  /** Whether something was wrong with the target at any moment from `from` to `to`. */
  touched(target: string, from: number, to: number): boolean {
    return this.#entriesOf(target, from, to).length > 0;
  }

  /** What was wrong, at any moment from `from` to `to`, with those targets. */
  effects(targets: readonly string[], from: number, to: number): Set<Effect> {
    return new Set(
      targets.flatMap((target) => this.#entriesOf(target, from, to).map(({ effect }) => effect)),
    );
  }

  /**
   * What a truthful coverage may say of the time from `from` to `to`: shards that can't be in any answer, because all their
   * replicas were gone all the time, and shards that have to be in every answer, because nothing touched one of their replicas' workers.
   */
  expected(targets: readonly Target[], from: number, to: number): { lost: number[]; whole: number[] } {
    const gone = (id: string): boolean =>
      this.entries.some(
        (entry) =>
          (entry.effect === 'gone' || entry.effect === 'lost') &&
          entry.target === id &&
          entry.from <= from &&
          (entry.to ?? Number.POSITIVE_INFINITY) >= to,
      );
    const shards = [...new Set(targets.flatMap((target) => target.shards))].sort((a, b) => a - b);
    const replicasOf = (shard: number): readonly Target[] =>
      targets.filter((target) => target.shards.includes(shard));
    return {
      lost: shards.filter((shard) => replicasOf(shard).every(({ id }) => gone(id))),
      whole: shards.filter((shard) => replicasOf(shard).some(({ id }) => !this.touched(id, from, to))),
    };
  }

  #entriesOf(target: string, from: number, to: number): FaultEntry[] {
    return this.entries.filter(
      (entry) =>
        entry.target === target && entry.from <= to && (entry.to ?? Number.POSITIVE_INFINITY) >= from,
    );
  }
}
