/** A small cut of the flights, so that tests of the whole way are quick. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { flightsSource } from '../../examples/flights/source.ts';

export interface Extract {
  /** A Parquet file laid out as the source. */
  readonly source: string;
  /** For partitions. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** One flight in `every`. */
export async function makeExtract(every: number): Promise<Extract> {
  const folder = await mkdtemp(join(tmpdir(), 'regather-flights-'));
  const source = join(folder, 'source.parquet');
  await runSql(
    `COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet('${flightsSource()}', file_row_number = true)
     WHERE file_row_number % ${every} = 0 ORDER BY file_row_number) TO '${source}' (FORMAT parquet)`,
  );
  return { source, folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Rows of one statement in a database of its own. */
export async function runSql(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
