/** The service as one shard answers it, as if its flights were all there are; order and limit of groups are the root's. */
import { BIGINT, type DuckDBPreparedStatement, LIST } from '@duckdb/node-api';
import { type DuckDBRow, ShardDatabase } from './database.ts';
import { bindFilter } from './filter.ts';
import type { Filter, Flight, FlightsHandlers, Group } from './messages.ts';
import { invalid, notFound } from './status.ts';

/** What a limit of 0 means to Worst, as flights.proto says. */
const defaultLimit = 10;

/** Flights that a message of Stream has at least, but the last: a selective filter leaves a few of each chunk. About 20 kB. */
const streamBatch = 512;

export interface FlightsShard extends FlightsHandlers {
  close(): Promise<void>;
}

/** `file`: the shard's Parquet, as partition.ts writes it. */
export async function openFlights(file: string): Promise<FlightsShard> {
  const database = await ShardDatabase.open(file);
  return {
    async Summary({ filter, groupBy }, { signal }) {
      if (!(groupBy in groupings)) throw invalid(`Expected group_by to be a GroupBy, got ${groupBy}`);
      const rows = await database.rows(groupBy, withFilter(filter), signal);
      const groups = rows.map(toGroup);
      return { groups, total: groups.reduce((sum, group) => sum + Number(group.count), 0) };
    },

    async Worst({ filter, limit, offset }, { signal }) {
      const bind = withFilter(filter);
      const count = await database.rows('count', bind, signal);
      const window = (limit || defaultLimit) + offset;
      const rows = await database.rows(
        'worst',
        (statement) => {
          bind(statement);
          statement.bindBigInt(5, BigInt(window));
        },
        signal,
      );
      return { flights: rows.slice(offset).map(toFlight), total: Number(count[0]?.[0] ?? 0) };
    },

    async Get({ id }, { signal }) {
      const [row] = await database.rows('get', (statement) => statement.bindBigInt(1, BigInt(id)), signal);
      if (!row) throw notFound(`There is no flight ${id}`);
      return toFlight(row);
    },

    async GetMany({ ids }, { signal }) {
      const list = ids.map(BigInt);
      const rows = await database.rows(
        'getMany',
        (statement) => statement.bindList(1, list, LIST(BIGINT)),
        signal,
      );
      const found = new Map(rows.map((row) => [row[0] as bigint, toFlight(row)]));
      return { flights: list.flatMap((id) => found.get(id) ?? []) };
    },

    async *Stream({ filter }, { signal }) {
      let flights: Flight[] = [];
      for await (const chunk of database.chunks('stream', withFilter(filter), signal)) {
        for (const row of chunk.getRows() as DuckDBRow[]) flights.push(toFlight(row));
        if (flights.length < streamBatch) continue;
        yield { flights };
        flights = [];
      }
      if (flights.length > 0) yield { flights };
    },

    close: () => database.close(),
  };
}

const groupings = { NOTHING: 1, ORIGIN: 1, DESTINATION: 1, ROUTE: 1, MONTH: 1, HOUR: 1 };

function withFilter(filter: Filter | null): (statement: DuckDBPreparedStatement) => void {
  return (statement) => bindFilter(statement, filter);
}

/** In the order of `measures` in statements.ts. Sums of a shard are far below 2 ** 53. */
function toGroup(row: DuckDBRow): Group {
  return {
    key: String(row[0]),
    count: Number(row[1]),
    delaySum: Number(row[2]),
    delayMin: Number(row[3]),
    delayMax: Number(row[4]),
    distanceSum: Number(row[5]),
    distanceMin: Number(row[6]),
    distanceMax: Number(row[7]),
  };
}

/** In the order of `flight` in statements.ts. */
function toFlight(row: DuckDBRow): Flight {
  return {
    id: Number(row[0]),
    date: String(row[1]),
    origin: String(row[2]),
    destination: String(row[3]),
    delay: Number(row[4]),
    distance: Number(row[5]),
  };
}
