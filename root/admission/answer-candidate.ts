/** An answer that has to wait for its admission. Only made then: most are admitted on the spot. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { type Admission, Candidate, type ShedReason } from './admission.ts';
import type { MethodLatency } from './latency.ts';

export interface AnswerCandidateOptions {
  readonly units: number;
  readonly sizeBytes: number;
  readonly priority: number;
  readonly deadline: number;
  readonly latency: MethodLatency;
  readonly admission: Admission;
  readonly admitted: () => void;
  readonly shed: (error: RegatherError, pushbackMs: number) => void;
}

const because: Record<ShedReason, string> = {
  queue_full: 'more wait already than may',
  too_late: "it couldn't be answered within its deadline",
  waited: 'it has waited as long as it may',
};

export class AnswerCandidate extends Candidate {
  readonly units: number;
  readonly sizeBytes: number;
  readonly priority: number;
  readonly deadline: number;
  readonly latency: MethodLatency;
  readonly #options: AnswerCandidateOptions;

  constructor(options: AnswerCandidateOptions) {
    super();
    this.units = options.units;
    this.sizeBytes = options.sizeBytes;
    this.priority = options.priority;
    this.deadline = options.deadline;
    this.latency = options.latency;
    this.#options = options;
  }

  override admitted(): void {
    this.#options.admitted();
  }

  override shed(reason: ShedReason, pushbackMs: number): void {
    const { inUse, limit, waiting, waitingBytes } = this.#options.admission;
    const text =
      `the root is overloaded: ${inUse} of ${limit} leaf calls are under way, ${waiting} requests of ${waitingBytes} bytes wait; ` +
      `this one, of ${this.units} and ${this.sizeBytes} bytes, was turned away because ${because[reason]}; try again after ${pushbackMs} ms`;
    this.#options.shed(new RegatherError('ROOT_OVERLOADED', text), pushbackMs);
  }
}
