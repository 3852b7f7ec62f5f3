/** Something about the example's data that a person can put right. The message is one whole line. */
export class DataError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DataError';
  }
}
