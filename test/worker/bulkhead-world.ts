/** An execution whose jobs end when the test says so, on a clock of the test's own. */
import { Compartment } from '../../shard/bulkheads.ts';
import { Execution, Job, type TurnedAway } from '../../shard/execution.ts';
import { TypicalTime } from '../../shard/pace.ts';
import { VirtualClock } from '../kit/virtual-clock.ts';

type Ended = 'done' | 'expired' | TurnedAway;

export class KeptJob extends Job {
  readonly root: string;
  readonly priority: number;
  readonly deadline: number;
  override readonly typical: TypicalTime;
  override readonly compartment: Compartment;
  readonly #done = Promise.withResolvers<void>();
  ends: Ended[] = [];
  begun = false;
  left = false;
  override get givenUp(): boolean {
    return this.left;
  }
  held = 0;

  constructor(compartment: Compartment, priority = 0, root = 'r', deadline = Number.POSITIVE_INFINITY) {
    super();
    this.compartment = compartment;
    this.typical = compartment.typical;
    this.priority = priority;
    this.root = root;
    this.deadline = deadline;
  }
  override run(): Promise<void> {
    this.begun = true;
    return this.#done.promise;
  }
  override expire(): void {
    this.ends.push('expired');
  }
  override turnAway(why: TurnedAway): void {
    this.ends.push(why);
  }
  override heldBack(): void {
    this.held++;
  }
  finish(): void {
    if (this.ends.length > 0) return;
    this.ends.push('done');
    this.#done.resolve();
  }
}

export class World {
  readonly clock = new VirtualClock();
  readonly typical = new TypicalTime();
  readonly execution: Execution;
  readonly compartments: readonly Compartment[];
  /** Shards that it was told of. */
  readonly told: number[] = [];

  constructor(slots: number, queue: number, compartments: number) {
    this.execution = new Execution({
      concurrency: slots,
      queue,
      clock: this.clock,
      onHang: ({ shard }) => this.told.push(shard),
    });
    this.compartments = Array.from(
      { length: compartments },
      (_, shard) => new Compartment('M', shard, this.typical),
    );
    this.typical.took(10);
  }

  async submit(compartment: number, jobs = 1): Promise<KeptJob[]> {
    const made = Array.from({ length: jobs }, () => new KeptJob(this.compartments[compartment]!));
    for (const job of made) this.execution.submit(job);
    await settle();
    return made;
  }

  /** Every compartment has had work of late. */
  async warmUp(): Promise<void> {
    for (let i = 0; i < this.compartments.length; i++) await this.finish(await this.submit(i));
  }

  async finish(jobs: readonly KeptJob[]): Promise<void> {
    for (const job of jobs) job.finish();
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate);
}

export function begunOf(jobs: readonly KeptJob[]): number {
  return jobs.filter(({ begun }) => begun).length;
}

/** One job after the other, with time for each to be seen to hang. */
export async function trickle(world: World, compartment: number, jobs: number): Promise<KeptJob[]> {
  const all: KeptJob[] = [];
  for (let i = 0; i < jobs; i++) {
    all.push(...(await world.submit(compartment)));
    world.clock.advance(100);
  }
  return all;
}
