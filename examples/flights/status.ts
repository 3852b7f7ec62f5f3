/** Errors that a handler answers with: a number in `code` (google.rpc.Code) passes to the client as it is. */
class StatusError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
  }
}

export function invalid(message: string): Error {
  return new StatusError(3, message);
}

export function notFound(message: string): Error {
  return new StatusError(5, message);
}
