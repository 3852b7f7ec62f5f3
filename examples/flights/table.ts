/** Answers as tables: columns aligned, numbers to the right, a rule under the names. */

export type Cell = string | number;

/** `rows` have a cell per column; numbers and text that looks like one go to the right. */
export function formatTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = columns.map((name, at) => Math.max(name.length, ...texts.map((row) => row[at]!.length)));
  const numeric = columns.map((_, at) => texts.length > 0 && texts.every((row) => isNumber(row[at]!)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (numeric[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(columns), widths.map((width) => '─'.repeat(width)).join('  '), ...texts.map(line)].join('\n');
}

function isNumber(text: string): boolean {
  return /^-?[\d,]+(\.\d+)?$/.test(text);
}

/** With commas between thousands: 3,000,000. */
export function formatCount(count: number | string): string {
  return BigInt(count).toLocaleString('en-US');
}
