/** Everything that a shard asks DuckDB, as prepared statements over its table `flights`. */

/** `$1` … `$4`: from, until, origin, destination; an empty airport is any. */
const matches = `date >= $1 AND date < $2 AND ($3 = '' OR origin = $3) AND ($4 = '' OR destination = $4)`;

const flight = `id, strftime(date, '%Y-%m-%dT%H:%M:%SZ'), origin, destination, delay, distance`;

const measures = `count(*), sum(delay)::BIGINT, min(delay), max(delay), sum(distance)::BIGINT, min(distance), max(distance)`;

/**
 * DuckDB groups by `keys`, called a and b; `name` makes of them the text that the answer calls the group: once per group, not per
 * flight.
 */
function summary(name: string, ...keys: readonly string[]): string {
  const aliases = ['a', 'b'].slice(0, keys.length);
  const columns = keys.map((key, at) => `${key} AS ${aliases[at]}`);
  return `SELECT ${name}, COLUMNS(* EXCLUDE (${aliases})) FROM (
    SELECT ${columns}, ${measures} FROM flights WHERE ${matches} GROUP BY ${aliases})`;
}

export const statements = {
  NOTHING: `SELECT '', ${measures} FROM flights WHERE ${matches} HAVING count(*) > 0`,
  ORIGIN: summary('a', 'origin'),
  DESTINATION: summary('a', 'destination'),
  ROUTE: summary(`a || '-' || b`, 'origin', 'destination'),
  MONTH: summary(`format('{:04d}-{:02d}', a, b)`, 'year(date)', 'month(date)'),
  HOUR: summary(`format('{:02d}', a)`, 'hour(date)'),
  worst: `SELECT ${flight} FROM flights WHERE ${matches} ORDER BY delay DESC, id LIMIT $5`,
  count: `SELECT count(*) FROM flights WHERE ${matches}`,
  get: `SELECT ${flight} FROM flights WHERE id = $1`,
  getMany: `SELECT ${flight} FROM flights WHERE id IN (SELECT unnest($1::BIGINT[]))`,
  stream: `SELECT ${flight} FROM flights WHERE ${matches}`,
} as const;

export type StatementName = keyof typeof statements;
