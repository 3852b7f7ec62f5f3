/** What a handler threw, as a gRPC status. */
import { RegatherError } from '../shared/errors/errors.ts';

export interface Status {
  /** google.rpc.Code, never 0. */
  readonly code: number;
  readonly message: string;
  /** google.rpc.Status, serialized. */
  readonly details?: Uint8Array;
  /** It didn't come with a status of its own: the author should hear of it. */
  readonly unexpected: boolean;
}

const detailsKey = 'grpc-status-details-bin';
const highestCode = 16;

/**
 * An error with a `code` of 1 to 16 is that status: its message (grpc-js's ServiceError carries the bare one in `details`), and as
 * details a Uint8Array in `details` or `grpc-status-details-bin` in `metadata`. Everything else is UNKNOWN.
 */
export function statusOf(thrown: unknown): Status {
  try {
    return readStatus(thrown);
  } catch {
    // A getter or a toString of it threw: what a handler throws must never throw at us.
    return { code: 2, message: 'Thrown: a value that cannot be read', unexpected: true };
  }
}

function readStatus(thrown: unknown): Status {
  if (thrown instanceof RegatherError) {
    return { code: thrown.grpc, message: thrown.message, unexpected: thrown.code === 'INTERNAL' };
  }
  if (typeof thrown !== 'object' || thrown === null) {
    return { code: 2, message: `Thrown: ${String(thrown)}`, unexpected: true };
  }
  const error = thrown as { code?: unknown; message?: unknown; details?: unknown; metadata?: unknown };
  const message = typeof error.message === 'string' ? error.message : String(thrown);
  // DOMExceptions have codes too, of another kind: AbortError's is 20, NotFoundError's 8.
  if (!isCode(error.code) || thrown instanceof DOMException) return { code: 2, message, unexpected: true };
  const text = typeof error.details === 'string' ? error.details : message;
  const details = error.details instanceof Uint8Array ? error.details : detailsOf(error.metadata);
  if (details === undefined) return { code: error.code, message: text, unexpected: false };
  return { code: error.code, message: text, details, unexpected: false };
}

function isCode(code: unknown): code is number {
  return typeof code === 'number' && Number.isInteger(code) && code >= 1 && code <= highestCode;
}

function detailsOf(metadata: unknown): Uint8Array | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { get } = metadata as { get?: unknown };
  if (typeof get !== 'function') return undefined;
  const values: unknown = get.call(metadata, detailsKey);
  const first: unknown = Array.isArray(values) ? values[0] : undefined;
  return first instanceof Uint8Array ? first : undefined;
}

/** Tells a refusal from what was looked for. */
export function isStatus(value: object): value is Status {
  return 'unexpected' in value;
}
