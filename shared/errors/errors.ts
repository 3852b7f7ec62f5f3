import { codes, type ErrorCode } from './codes.ts';

export interface ErrorContext {
  /** Where a person has to look: a file and line, counted from 1. */
  readonly file?: string;
  readonly line?: number;
  /** The field, option or flag at fault. */
  readonly field?: string;
  /** The shards at fault. */
  readonly shards?: readonly number[];
  readonly cause?: unknown;
  /** In place of the code's own, when a shard's status is passed on. */
  readonly grpc?: number;
}

/** The one error class. `message` is a whole line that names the rule, the value and the place. */
export class RegatherError extends Error {
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly field: string | undefined;
  readonly shards: readonly number[] | undefined;
  readonly grpc: number;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    const place =
      context.file === undefined
        ? ''
        : `${context.file}${context.line === undefined ? '' : `:${context.line}`}: `;
    super(place + message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = 'RegatherError';
    this.code = code;
    this.file = context.file;
    this.line = context.line;
    this.field = context.field;
    this.shards = context.shards;
    this.grpc = context.grpc ?? codes[code].grpc;
  }

  get exit(): 1 | 2 {
    return codes[this.code].exit;
  }

  /** Total: makes one of anything that was thrown. */
  static from(thrown: unknown, code: ErrorCode = 'INTERNAL'): RegatherError {
    if (thrown instanceof RegatherError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new RegatherError(code, message, { cause: thrown });
  }
}
