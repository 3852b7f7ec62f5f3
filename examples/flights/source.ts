/** Where the example's data comes from and where it is kept. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DataError } from './data-error.ts';

/** 3,000,000 flights, ordered by date, as the npm package vega-datasets (BSD-3) carries them. */
export function flightsSource(): string {
  let entry: string;
  try {
    entry = import.meta.resolve('vega-datasets');
  } catch (error) {
    throw new DataError('The package vega-datasets is not installed: run `npm ci` in the repository', error);
  }
  const file = fileURLToPath(new URL('../data/flights-3m.parquet', entry));
  if (!existsSync(file)) {
    throw new DataError(
      `${file} is missing from the package vega-datasets: run \`npm ci\` in the repository`,
    );
  }
  return file;
}

/** The ignored folder that holds a folder per shard count; FLIGHTS_DATA names another. */
export function flightsFolder(): string {
  return process.env.FLIGHTS_DATA || fileURLToPath(new URL('../../.data/flights', import.meta.url));
}
