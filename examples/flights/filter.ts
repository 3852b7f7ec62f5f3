/** A request's filter as parameters of a statement. */
import { type DuckDBPreparedStatement, DuckDBTimestampValue } from '@duckdb/node-api';
import { distantFuture, distantPast, parseMicros } from './dates.ts';
import type { Filter } from './messages.ts';
import { invalid } from './status.ts';

/** Binds `$1` … `$4`: from, until, origin, destination. Throws INVALID_ARGUMENT that names the field. */
export function bindFilter(statement: DuckDBPreparedStatement, filter: Filter | null): void {
  const from = micros(filter?.from, 'from') ?? distantPast;
  const until = micros(filter?.until, 'until') ?? distantFuture;
  if (from > until) {
    throw invalid(
      `Expected filter.from to be at or before filter.until, got "${filter?.from}" and "${filter?.until}"`,
    );
  }
  statement.bindTimestamp(1, new DuckDBTimestampValue(from));
  statement.bindTimestamp(2, new DuckDBTimestampValue(until));
  statement.bindVarchar(3, filter?.origin ?? '');
  statement.bindVarchar(4, filter?.destination ?? '');
}

function micros(text: string | undefined, field: string): bigint | undefined {
  if (!text) return undefined;
  const value = parseMicros(text);
  if (value !== undefined) return value;
  throw invalid(
    `Expected filter.${field} to be an RFC 3339 date or time such as "2001-03-01" or "2001-03-01T06:30:00Z", got ${JSON.stringify(text)}`,
  );
}
