/**
 * How long an answer that has its minimum is held back for the rest. Vespa's adaptive coverage (docs.vespa.ai, "Graceful query coverage
 * degradation"; `nextTimeout` of its dispatcher): until the minimum is in, all the time there is; then a slope of the time that was
 * left, the shorter the less is still to come. Ours differs in two things: see docs/decisions/0011-adaptive-coverage.md.
 */

export interface CoverageWait {
  /** The most that is waited once the minimum is in, as a share of the time that was left then. Default 0.5. */
  readonly wait: number;
  /** All the same the rest has until so many times what the minimum took, within the deadline. Default 3. */
  readonly tail: number;
}

export interface Waiting {
  /** All times on the clock, ms. */
  readonly startedAt: number;
  /** When the answer had its minimum: `startedAt` … `deadline`. */
  readonly minimumAt: number;
  readonly deadline: number;
  /** What may still come, as a share of all that the minimum lets be missing: 0 … 1. */
  readonly pending: number;
}

/**
 * When the answer is handed over at the latest. Never after the deadline, never before the minimum was in, and never later for more
 * that is in. It doesn't move as time passes.
 */
export function handOverAt({ wait, tail }: CoverageWait, waiting: Waiting): number {
  const { startedAt, minimumAt, deadline, pending } = waiting;
  const sloped = minimumAt + (deadline - minimumAt) * wait * pending;
  const usual = startedAt + (minimumAt - startedAt) * tail;
  return Math.min(deadline, Math.max(sloped, usual));
}
