/** Splits the flights by id into one Parquet file per shard, each flight where the root looks for it. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  BIGINT,
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBScalarFunction,
  USMALLINT,
} from '@duckdb/node-api';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { DataError } from './data-error.ts';
import { isAlive, withLock } from './lock.ts';
import { isIntact, layout, type Manifest, readManifest, sha256 } from './manifest.ts';

export interface PartitionOptions {
  /** A Parquet file with date, delay, distance, origin and destination. */
  readonly source: string;
  /** Gets a folder named after `shards`. */
  readonly folder: string;
  readonly shards: number;
  /** Between 0 and 1, in rising order, ending with 1. Isn't called when nothing has to be done. */
  readonly onProgress?: (done: number) => void;
}

export interface Partition {
  /** Holds shard-<n>.parquet and manifest.json. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** False: it was there already, and intact. */
  readonly made: boolean;
}

/** Rows between two ids that DuckDB can tell apart without reading them, and so what a look-up by id costs. */
const rowGroupRows = 32_768;

/** Of the time that partitioning takes, what reading and placing takes. */
const readShare = 0.4;

export function shardFile(shard: number): string {
  return `shard-${shard}.parquet`;
}

/**
 * Makes the partition unless it is there, made from the same source and intact. Whatever happens half-way, a folder with a
 * manifest is whole: files are written beside it and the folder is renamed at the end. Several processes may ask at once; one works.
 * Throws DataError.
 */
export async function partition(options: PartitionOptions): Promise<Partition> {
  const target = join(options.folder, String(options.shards));
  try {
    const sourceHash = await sha256(options.source);
    const present = await intactManifest(target, options.shards, sourceHash);
    if (present) return { folder: target, manifest: present, made: false };
    await mkdir(options.folder, { recursive: true });
    return await withLock(join(options.folder, `${options.shards}.lock`), async () => {
      const meanwhile = await intactManifest(target, options.shards, sourceHash);
      if (meanwhile) return { folder: target, manifest: meanwhile, made: false };
      return { folder: target, manifest: await make(options, target, sourceHash), made: true };
    });
  } catch (error) {
    throw explained(error, options);
  }
}

async function intactManifest(
  folder: string,
  shards: number,
  sourceHash: string,
): Promise<Manifest | undefined> {
  const manifest = await readManifest(folder);
  if (manifest?.source.sha256 !== sourceHash || manifest.shards.length !== shards) return undefined;
  const intact = await Promise.all(manifest.shards.map((entry) => isIntact(join(folder, entry.name), entry)));
  return intact.every(Boolean) ? manifest : undefined;
}

/** Only under the lock. */
async function make(options: PartitionOptions, target: string, sourceHash: string): Promise<Manifest> {
  await removeAbandoned(options.folder);
  const temporary = join(options.folder, `.${options.shards}-${process.pid}-${randomUUID()}`);
  await mkdir(temporary);
  try {
    const rows = await writeShards(options, temporary);
    const manifest: Manifest = {
      layout,
      source: {
        name: basename(options.source),
        rows: rows.reduce((sum, count) => sum + count, 0),
        bytes: (await stat(options.source)).size,
        sha256: sourceHash,
      },
      shards: await Promise.all(
        rows.map(async (count, shard) => {
          const file = join(temporary, shardFile(shard));
          await flush(file);
          return {
            name: shardFile(shard),
            rows: count,
            bytes: (await stat(file)).size,
            sha256: await sha256(file),
          };
        }),
      ),
    };
    await writeFile(join(temporary, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`, {
      flush: true,
    });
    // Renaming onto a folder with something in it fails, so what is there goes first: a crash in between leaves nothing.
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    return manifest;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Folders that crashed processes left: .<shards>-<process>-<random>. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^\.\d+-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync();
  await handle.close();
}

/** Returns the rows of each shard. */
async function writeShards(options: PartitionOptions, folder: string): Promise<number[]> {
  const { shards, onProgress } = options;
  const instance = await DuckDBInstance.create(':memory:', { preserve_insertion_order: 'false' });
  const connection = await instance.connect();
  try {
    const total = await checkSource(connection, options.source);
    let placed = 0;
    connection.registerScalarFunction(
      shardOfFunction(shards, (count) => {
        placed += count;
        onProgress?.((readShare * placed) / Math.max(total, 1));
      }),
    );
    await connection.run(
      `CREATE TABLE flights AS
       SELECT file_row_number AS id, date::TIMESTAMP AS date, origin::VARCHAR AS origin,
         destination::VARCHAR AS destination, delay::INTEGER AS delay, distance::UINTEGER AS distance,
         shard_of(file_row_number) AS shard
       FROM read_parquet($source, file_row_number = true)`,
      { source: options.source },
    );
    const rows: number[] = [];
    for (let shard = 0; shard < shards; shard++) {
      // COPY takes no parameter for its file; DuckDB has no escapes in strings but the doubled quote.
      const file = join(folder, shardFile(shard)).replaceAll("'", "''");
      const result = await connection.run(
        `COPY (SELECT * EXCLUDE (shard) FROM flights WHERE shard = ${shard} ORDER BY id)
         TO '${file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows})`,
      );
      rows.push(result.rowsChanged);
      onProgress?.(readShare + ((1 - readShare) * (shard + 1)) / shards);
    }
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Answers have no NULLs, and their averages divide by the number of flights: so the data must have none. */
async function checkSource(connection: DuckDBConnection, source: string): Promise<number> {
  const result = await connection.runAndReadAll(
    `SELECT count(*), count(*) - least(count(date), count(delay), count(distance), count(origin), count(destination))
     FROM read_parquet($source)`,
    { source },
  );
  const [rows, missing] = (result.getRows()[0] ?? []).map(Number);
  if (missing) throw new DataError(`${source} has ${missing} rows with a NULL; flights have none`);
  return rows ?? 0;
}

/** `shard_of(id)` in SQL: the very function that a root routes Get and GetMany by. */
function shardOfFunction(shards: number, onPlaced: (count: number) => void): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name: 'shard_of',
    parameterTypes: [BIGINT],
    returnType: USMALLINT,
    mainFunction(_info, input, output) {
      const ids = input.getColumnVector(0);
      for (let row = 0; row < input.rowCount; row++) {
        output.setItem(row, shardOf(ids.getItem(row) as bigint, shards));
      }
      output.flush();
      onPlaced(input.rowCount);
    },
  });
}

function explained(error: unknown, options: PartitionOptions): DataError {
  if (error instanceof DataError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || /no space left/i.test(message)) {
    return new DataError(
      `No space left on the disk of ${options.folder}: partitioned flights need 25 MB there`,
      error,
    );
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new DataError(`${options.folder} cannot be written: ${message}`, error);
  }
  return new DataError(
    `Cannot partition ${options.source} into ${options.folder}: ${message.split('\n')[0]}`,
    error,
  );
}
