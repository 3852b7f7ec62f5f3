/** What is wrong with a document that a person wrote: one line each, all of them at once. */
import type { ErrorCode } from '../errors/codes.ts';
import { RegatherError } from '../errors/errors.ts';

export interface Problem {
  /** A file's name, an environment variable or a flag. */
  readonly file: string;
  readonly line?: number;
  /** "root.listen"; empty for the whole document. */
  readonly key: string;
  readonly message: string;
}

/** One error for all: its message has a line per problem, `regather.yaml:7: root.listen: expected "host:port", got 7000`. */
export function problemsError(code: ErrorCode, problems: readonly Problem[]): RegatherError {
  const [first, ...rest] = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  if (first === undefined) throw new RangeError('Expected at least one problem');
  const text = [withKey(first), ...rest.map((problem) => `${placeOf(problem)}: ${withKey(problem)}`)].join(
    '\n',
  );
  return new RegatherError(code, text, {
    file: first.file,
    ...(first.line === undefined ? {} : { line: first.line }),
    ...(first.key === '' ? {} : { field: first.key }),
  });
}

function withKey(problem: Problem): string {
  return problem.key === '' ? problem.message : `${problem.key}: ${problem.message}`;
}

function placeOf(problem: Problem): string {
  return problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
}
