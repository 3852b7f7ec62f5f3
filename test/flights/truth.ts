/**
 * What the answers must be: DuckDB's over the whole source file, in SQL that shares nothing with the shards'. Values are as a client's
 * codec gives them: 64-bit integers as decimal strings.
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface Filter {
  readonly from?: string;
  readonly until?: string;
  readonly origin?: string;
  readonly destination?: string;
}

export interface SummaryRequest {
  readonly filter?: Filter;
  readonly groupBy: string;
  readonly order?: string;
  readonly limit?: number;
  readonly offset?: number;
}

export interface WorstRequest {
  readonly filter?: Filter;
  readonly limit?: number;
  readonly offset?: number;
}

const keys: Record<string, string> = {
  NOTHING: `''`,
  ORIGIN: 'origin',
  DESTINATION: 'destination',
  ROUTE: `concat_ws('-', origin, destination)`,
  MONTH: `strftime(date, '%Y-%m')`,
  HOUR: `strftime(date, '%H')`,
};

export class Truth {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(source: string): Promise<Truth> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(
      `CREATE TABLE whole AS SELECT file_row_number AS id, * FROM read_parquet('${source}', file_row_number = true)`,
    );
    return new Truth(instance, connection);
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  async summary(request: SummaryRequest): Promise<{ groups: unknown[]; total: string }> {
    const limit = request.limit ? `LIMIT ${request.limit}` : '';
    const groups = await this.#rows(
      `SELECT ${keys[request.groupBy]} AS key, count(*) AS count,
         sum(delay) AS delay_sum, avg(delay) AS delay_avg, min(delay) AS delay_min, max(delay) AS delay_max,
         sum(distance) AS distance_sum, avg(distance) AS distance_avg, min(distance) AS distance_min,
         max(distance) AS distance_max
       FROM whole ${where(request.filter)} GROUP BY 1
       ORDER BY ${request.order ? `${request.order}, ` : ''}key ${limit} OFFSET ${request.offset ?? 0}`,
    );
    return {
      groups: groups.map((row) => ({
        key: row[0],
        count: String(row[1]),
        delaySum: String(row[2]),
        delayAvg: row[3],
        delayMin: Number(row[4]),
        delayMax: Number(row[5]),
        distanceSum: String(row[6]),
        distanceAvg: row[7],
        distanceMin: Number(row[8]),
        distanceMax: Number(row[9]),
      })),
      total: await this.#count(request.filter),
    };
  }

  async worst(request: WorstRequest): Promise<{ flights: unknown[]; total: string }> {
    const rows = await this.#flights(
      `${where(request.filter)} ORDER BY delay DESC, id LIMIT ${request.limit || 10} OFFSET ${request.offset ?? 0}`,
    );
    return { flights: rows, total: await this.#count(request.filter) };
  }

  async get(id: bigint): Promise<unknown> {
    return (await this.#flights(`WHERE id = ${id}`))[0];
  }

  async getMany(ids: readonly bigint[]): Promise<unknown[]> {
    const found = new Map(
      (await this.#flights(`WHERE id IN (${[...ids, -1n]})`)).map((flight) => [flight.id, flight]),
    );
    return ids.flatMap((id) => found.get(String(id)) ?? []);
  }

  /** By id. */
  stream(filter: Filter | undefined): Promise<unknown[]> {
    return this.#flights(`${where(filter)} ORDER BY id`);
  }

  async #count(filter: Filter | undefined): Promise<string> {
    return String((await this.#rows(`SELECT count(*) FROM whole ${where(filter)}`))[0]![0]);
  }

  async #flights(rest: string): Promise<{ id: string }[]> {
    const rows = await this.#rows(
      `SELECT id, replace(date::VARCHAR, ' ', 'T') || 'Z', origin, destination, delay, distance FROM whole ${rest}`,
    );
    return rows.map((row) => ({
      id: String(row[0]),
      date: row[1],
      origin: row[2],
      destination: row[3],
      delay: Number(row[4]),
      distance: Number(row[5]),
    }));
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return (await this.#connection.runAndReadAll(sql)).getRows();
  }
}

function where(filter: Filter = {}): string {
  const parts: string[] = [];
  if (filter.from) parts.push(`date >= ${timestamp(filter.from)}`);
  if (filter.until) parts.push(`date < ${timestamp(filter.until)}`);
  if (filter.origin) parts.push(`origin = ${quoted(filter.origin)}`);
  if (filter.destination) parts.push(`destination = ${quoted(filter.destination)}`);
  return parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '';
}

/** A date with a zone, as DuckDB reads it, to UTC. */
function timestamp(text: string): string {
  return `(${quoted(text)}::TIMESTAMPTZ AT TIME ZONE 'UTC')`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
