/** How far a unary answer that may be partial has come, and when that will do. */
import type { EarlyReason } from '../shared/metrics/root.ts';
import { type Counts, totalDocuments } from './coverage.ts';
import { type CoverageWait, handOverAt } from './coverage-wait.ts';
import type { Gather } from './gather.ts';
import { composedCounts, type InnerCoverage } from './inner-coverage.ts';
import { type Minimum, meets } from './minimum.ts';

export interface ProgressOptions {
  readonly minimum: Minimum;
  readonly wait: CoverageWait;
  readonly gather: Gather;
  readonly tasks: number;
  /** By shard, of all the shards asked; undefined: they don't count. */
  readonly documents: readonly number[] | undefined;
  readonly startedAt: number;
  readonly deadline: number;
}

export class Progress {
  /** Why the answer would be handed over now. */
  reason: EarlyReason = 'adaptive';
  readonly #options: ProgressOptions;
  readonly #expectedDocuments: number;
  #lost = 0;
  #lostDocuments = 0;
  #minimumAt: number | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#expectedDocuments = options.documents === undefined ? 0 : totalDocuments(options.documents);
  }

  /** Nothing more will come of the shard. Once per shard. */
  lost(shard: number): void {
    this.#lost += 1;
    this.#lostDocuments += this.#options.documents?.[shard] ?? 0;
  }

  /** When the answer is handed over, on the clock; -Infinity: at once; Infinity: at the deadline. `below`: of shards that are roots themselves. */
  enoughAt(now: number, below: ReadonlyMap<number, InnerCoverage> | undefined): number {
    const { minimum, gather, wait, startedAt, deadline } = this.#options;
    const counts = this.#counts(below);
    if (!meets(minimum, counts, gather.covered)) {
      this.#minimumAt = undefined;
      return Number.POSITIVE_INFINITY;
    }
    if (gather.covered >= minimum.quorum) {
      this.reason = 'quorum';
      return Number.NEGATIVE_INFINITY;
    }
    this.#minimumAt ??= now;
    const at = handOverAt(wait, {
      startedAt,
      deadline,
      minimumAt: this.#minimumAt,
      pending: this.#pending(counts),
    });
    return at < deadline ? at : Number.POSITIVE_INFINITY;
  }

  #counts(below: ReadonlyMap<number, InnerCoverage> | undefined): Counts {
    const { gather, tasks, documents } = this.#options;
    const counts: Counts = {
      expected: tasks,
      answered: gather.covered,
      documents:
        documents === undefined
          ? undefined
          : { expected: this.#expectedDocuments, answered: gather.coveredWeight },
    };
    if (below === undefined) return counts;
    return composedCounts(counts, below, (shard) => gather.covers(shard), documents);
  }

  /** What may still come, as a share of what the minimum lets be missing. */
  #pending({ expected }: Counts): number {
    const { gather, minimum, tasks } = this.#options;
    const byDocuments = this.#expectedDocuments > 0;
    const open = byDocuments
      ? this.#expectedDocuments - gather.coveredWeight - this.#lostDocuments
      : tasks - gather.covered - this.#lost;
    const slack = (1 - minimum.share) * (byDocuments ? this.#expectedDocuments : expected);
    return Math.min(1, Math.max(0, open / slack));
  }
}
