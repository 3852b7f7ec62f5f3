/** Everything that a shard asks DuckDB, as prepared statements over its table `flights`. */

/** `$1` … `$4`: from, until, origin, destination; an empty airport is any. */
const matches = `date >= $1 AND date < $2 AND ($3 = '' OR origin = $3) AND ($4 = '' OR destination = $4)`;

const flight = `id, strftime(date, '%Y-%m-%dT%H:%M:%SZ'), origin, destination, delay, distance`;

const measures = `count(*), sum(delay)::BIGINT, min(delay), max(delay), sum(distance)::BIGINT, min(distance), max(distance)`;

/** Names are made per group, not per flight: `group` is what DuckDB groups by, `key` what the answer calls it. */
function summary(group: string, key: string): string {
  return `SELECT ${key}, COLUMNS(* EXCLUDE (k)) FROM (
    SELECT ${group} AS k, ${measures} FROM flights WHERE ${matches} GROUP BY k)`;
}

export const statements = {
  NOTHING: `SELECT '', ${measures} FROM flights WHERE ${matches} HAVING count(*) > 0`,
  ORIGIN: summary('origin', 'k'),
  DESTINATION: summary('destination', 'k'),
  ROUTE: summary('{ a: origin, b: destination }', `k.a || '-' || k.b`),
  MONTH: summary('year(date) * 100 + month(date)', `format('{:04d}-{:02d}', k // 100, k % 100)`),
  HOUR: summary('hour(date)', `format('{:02d}', k)`),
  worst: `SELECT ${flight} FROM flights WHERE ${matches} ORDER BY delay DESC, id LIMIT $5`,
  count: `SELECT count(*) FROM flights WHERE ${matches}`,
  get: `SELECT ${flight} FROM flights WHERE id = $1`,
  getMany: `SELECT ${flight} FROM flights WHERE id IN (SELECT unnest($1::BIGINT[]))`,
  stream: `SELECT ${flight} FROM flights WHERE ${matches}`,
} as const;

export type StatementName = keyof typeof statements;
