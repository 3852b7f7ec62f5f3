import type { ErrorCode } from '../errors/codes.ts';
import { RegatherError } from '../errors/errors.ts';

/**
 * Bytes that aren't what the schema says. Wire code knows where, but not whose bytes they are: whoever does turns it into its
 * own RegatherError with `toError`.
 */
export class WireFault extends Error {
  /** "Hit.title"; or "Hit" alone where no known field is at fault. */
  readonly field: string;
  /** In the bytes that were handed in. */
  readonly offset: number;

  constructor(reason: string, field: string, offset: number) {
    super(reason);
    this.name = 'WireFault';
    this.field = field;
    this.offset = offset;
  }

  /** `subject`: "the request", "the partial of shard 3". */
  toError(code: ErrorCode, subject: string, shards?: readonly number[]): RegatherError {
    return new RegatherError(
      code,
      `Expected ${subject} to decode, got ${this.message} (${this.field} at byte ${this.offset})`,
      shards === undefined ? { field: this.field } : { field: this.field, shards },
    );
  }
}
