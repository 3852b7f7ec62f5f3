/** What the command line prints: results on stdout, errors as one line on stderr. */
import { codes } from '../shared/errors/codes.ts';
import { RegatherError } from '../shared/errors/errors.ts';

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line of JSON. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Says what went wrong and returns the exit code. Only a defect of ours shows a stack. */
export function reportError(thrown: unknown, json: boolean): 1 | 2 {
  const error = RegatherError.from(thrown);
  if (json) {
    const { code, message, file, line, field, exit } = error;
    process.stderr.write(`${JSON.stringify({ event: 'error', code, message, file, line, field, exit })}\n`);
    return exit;
  }
  process.stderr.write(`${error.message}\n`);
  if (error.code === 'INTERNAL' && thrown instanceof Error && !(thrown instanceof RegatherError)) {
    process.stderr.write(`${thrown.stack ?? ''}\n`);
  }
  return codes[error.code].exit;
}

/** Columns as wide as their widest cell; the last one isn't padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
